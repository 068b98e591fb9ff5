-- Adds the profiles of senders that have none. The child row claims the key, and only the task that claimed it adds
-- the base row, so concurrent tasks neither fail nor leave orphans (foreign keys are checked at the end).
WITH wanted AS (
    SELECT w.sender_key, w.display_name
      FROM unnest(%(keys)s::text[], %(names)s::text[]) AS w (sender_key, display_name)
     WHERE NOT EXISTS (SELECT FROM identity.mailing_list_profile AS p WHERE p.sender_key = w.sender_key)
     ORDER BY w.sender_key
), claimed AS (
    INSERT INTO identity.mailing_list_profile (profile_id, sender_key, display_name, created_at)
    SELECT nextval(pg_get_serial_sequence('identity.profile', 'id')), sender_key, display_name, %(now)s
      FROM wanted
        ON CONFLICT (sender_key) DO NOTHING
    RETURNING profile_id
)
INSERT INTO identity.profile (id, type, created_at)
SELECT profile_id, 'mailing_list', %(now)s FROM claimed
