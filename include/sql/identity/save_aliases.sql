-- Adds names to profiles and widens the span in which they were seen. What is known already is not locked.
INSERT INTO identity.profile_alias AS a (profile_id, name, name_key, first_seen_at, last_seen_at)
SELECT s.profile_id, s.name, s.name_key, s.first_seen_at, s.last_seen_at
  FROM unnest(%(profile_id)s::bigint[], %(name)s::text[], %(name_key)s::text[],
              %(first)s::timestamptz[], %(last)s::timestamptz[])
       AS s (profile_id, name, name_key, first_seen_at, last_seen_at)
  LEFT JOIN identity.profile_alias AS k ON k.profile_id = s.profile_id AND k.name = s.name
 WHERE k.id IS NULL
    OR (k.first_seen_at, k.last_seen_at) IS DISTINCT FROM
       (least(k.first_seen_at, s.first_seen_at), greatest(k.last_seen_at, s.last_seen_at))
    ON CONFLICT (profile_id, name) DO UPDATE
   SET first_seen_at = least(a.first_seen_at, excluded.first_seen_at),
       last_seen_at = greatest(a.last_seen_at, excluded.last_seen_at)
 WHERE (a.first_seen_at, a.last_seen_at) IS DISTINCT FROM
       (least(a.first_seen_at, excluded.first_seen_at), greatest(a.last_seen_at, excluded.last_seen_at))
