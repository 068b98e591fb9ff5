-- Adds addresses to profiles and remembers when each was first seen. What is known already is not locked.
INSERT INTO identity.email AS e (profile_id, email, email_key, is_shared, first_seen_at, source, created_at)
SELECT s.profile_id, s.email, s.email_key, s.is_shared, s.first_seen_at, %(source)s, %(now)s
  FROM unnest(%(profile_id)s::bigint[], %(email)s::text[], %(email_key)s::text[], %(is_shared)s::boolean[],
              %(first)s::timestamptz[]) AS s (profile_id, email, email_key, is_shared, first_seen_at)
  LEFT JOIN identity.email AS k ON k.profile_id = s.profile_id AND lower(k.email) = lower(s.email)
 WHERE k.id IS NULL OR k.first_seen_at IS DISTINCT FROM least(k.first_seen_at, s.first_seen_at)
    ON CONFLICT (profile_id, lower(email)) DO UPDATE
   SET first_seen_at = least(e.first_seen_at, excluded.first_seen_at)
 WHERE e.first_seen_at IS DISTINCT FROM least(e.first_seen_at, excluded.first_seen_at)
