-- Adds accounts and their profiles. The account's row claims the key, and only the task that claimed it adds the base
-- row, so concurrent tasks neither fail nor leave orphans (foreign keys are checked at the end).
WITH claimed AS (
    INSERT INTO {table} (profile_id, {key}, display_name, created_at, renamed_at)
    SELECT nextval(pg_get_serial_sequence('identity.profile', 'id')), w.{key}, w.display_name, %(now)s, %(now)s
      FROM jsonb_populate_recordset(NULL::{table}, %(accounts)s) AS w
     ORDER BY w.{key}
        ON CONFLICT ({key}) DO NOTHING
    RETURNING profile_id, type
)
INSERT INTO identity.profile (id, type, created_at)
SELECT profile_id, type, %(now)s FROM claimed
