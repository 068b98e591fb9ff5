-- Adds addresses to profiles, and remembers when each was first seen.
INSERT INTO identity.email AS e (profile_id, email, email_key, is_shared, first_seen_at, source, created_at)
SELECT s.profile_id, s.email, s.email_key, s.is_shared, s.first, %(source)s, %(now)s
  FROM jsonb_to_recordset(%(emails)s)
       AS s (profile_id bigint, email text, email_key text, is_shared boolean, first timestamptz)
    ON CONFLICT (profile_id, lower(email)) DO UPDATE
   SET first_seen_at = least(e.first_seen_at, excluded.first_seen_at)
 WHERE e.first_seen_at IS DISTINCT FROM least(e.first_seen_at, excluded.first_seen_at)
