-- The tables of a tracker (and of people, which all trackers fill), what they hold, and about how many rows.
SELECT s.schemaname || '.' || s.relname AS name,
       obj_description(s.relid) AS comment,
       s.n_live_tup AS rows
  FROM pg_stat_user_tables AS s
 WHERE s.schemaname IN (%(schema)s, 'identity')
 ORDER BY s.schemaname = 'identity', name
