-- Of which profiles is something new? Locks them in the order of their ids, so that tasks neither deadlock nor choose
-- names and primary addresses without seeing each other's sightings. What is known already is not locked.
SELECT b.id
  FROM identity.profile AS b
 WHERE b.id IN (
       SELECT s.profile_id
         FROM jsonb_to_recordset(%(names)s)
              AS s (profile_id bigint, kind text, name text, first timestamptz, last timestamptz)
         LEFT JOIN identity.profile_alias AS a
                ON a.profile_id = s.profile_id AND a.kind = s.kind AND a.name = s.name
        WHERE a.id IS NULL
           OR (a.first_seen_at, a.last_seen_at) IS DISTINCT FROM
              (least(a.first_seen_at, s.first), greatest(a.last_seen_at, s.last))
        UNION ALL
       SELECT s.profile_id
         FROM jsonb_to_recordset(%(emails)s) AS s (profile_id bigint, email text, first timestamptz)
         LEFT JOIN identity.email AS e ON e.profile_id = s.profile_id AND lower(e.email) = lower(s.email)
        WHERE e.id IS NULL OR e.first_seen_at IS DISTINCT FROM least(e.first_seen_at, s.first)
        UNION ALL
       SELECT p.profile_id
         FROM {table} AS p
         JOIN jsonb_populate_recordset(NULL::{table}, %(newest)s) AS w ON w.profile_id = p.profile_id
        WHERE {newer})
 ORDER BY b.id
   FOR NO KEY UPDATE
