-- Marks each profile's first active address as its primary one.
UPDATE identity.email AS e
   SET is_primary = true
  FROM (SELECT DISTINCT ON (profile_id) id
          FROM identity.email
         WHERE profile_id = ANY(%(profiles)s) AND is_active
         ORDER BY profile_id, first_seen_at NULLS LAST, email COLLATE "C") AS first
 WHERE e.id = first.id AND NOT e.is_primary
