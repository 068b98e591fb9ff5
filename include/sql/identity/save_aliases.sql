-- Adds names to profiles, and widens the span in which they were seen.
INSERT INTO identity.profile_alias AS a (profile_id, kind, name, name_key, first_seen_at, last_seen_at)
SELECT s.profile_id, s.kind, s.name, s.name_key, s.first, s.last
  FROM jsonb_to_recordset(%(names)s)
       AS s (profile_id bigint, kind text, name text, name_key text, first timestamptz, last timestamptz)
    ON CONFLICT (profile_id, kind, name) DO UPDATE
   SET first_seen_at = least(a.first_seen_at, excluded.first_seen_at),
       last_seen_at = greatest(a.last_seen_at, excluded.last_seen_at)
 WHERE (a.first_seen_at, a.last_seen_at) IS DISTINCT FROM
       (least(a.first_seen_at, excluded.first_seen_at), greatest(a.last_seen_at, excluded.last_seen_at))
