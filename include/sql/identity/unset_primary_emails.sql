-- Unmarks primary addresses that are no longer their profile's first one.
UPDATE identity.email AS e
   SET is_primary = false
 WHERE e.profile_id = ANY(%(profiles)s) AND e.is_primary
   AND e.id <> (SELECT f.id
                  FROM identity.email AS f
                 WHERE f.profile_id = e.profile_id AND f.is_active
                 ORDER BY f.first_seen_at NULLS LAST, f.email COLLATE "C"
                 LIMIT 1)
