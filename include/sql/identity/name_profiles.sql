-- Calls each account by the first name seen or, if there is none, by the local part of its first address.
UPDATE {table} AS p
   SET display_name = called.name, renamed_at = %(now)s
  FROM (SELECT m.profile_id,
               coalesce((SELECT a.name
                           FROM identity.profile_alias AS a
                          WHERE a.profile_id = m.profile_id AND a.kind = 'name'
                          ORDER BY a.first_seen_at NULLS LAST, a.name COLLATE "C"
                          LIMIT 1),
                        (SELECT nullif(split_part(e.email, '@', 1), '')
                           FROM identity.email AS e
                          WHERE e.profile_id = m.profile_id AND e.is_primary),
                        m.display_name) AS name
          FROM {table} AS m
         WHERE m.profile_id = ANY(%(profiles)s)) AS called
 WHERE p.profile_id = called.profile_id AND p.display_name IS DISTINCT FROM called.name
