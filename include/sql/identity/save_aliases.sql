-- Adds names to profiles and widens the span in which they were seen.
INSERT INTO identity.profile_alias AS a (profile_id, name, name_key, first_seen_at, last_seen_at)
SELECT *
  FROM unnest(%(profile_id)s::bigint[], %(name)s::text[], %(name_key)s::text[],
              %(first)s::timestamptz[], %(last)s::timestamptz[])
    ON CONFLICT (profile_id, name) DO UPDATE
   SET first_seen_at = least(a.first_seen_at, excluded.first_seen_at),
       last_seen_at = greatest(a.last_seen_at, excluded.last_seen_at)
 WHERE (a.first_seen_at, a.last_seen_at) IS DISTINCT FROM
       (least(a.first_seen_at, excluded.first_seen_at), greatest(a.last_seen_at, excluded.last_seen_at))
