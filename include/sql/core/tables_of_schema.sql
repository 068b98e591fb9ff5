-- Which tables do a tracker and the identity tracker have, what do they contain, and about how many rows?
SELECT s.schemaname || '.' || s.relname AS name,
       obj_description(s.relid) AS comment,
       s.n_live_tup AS rows
  FROM pg_stat_user_tables AS s
 WHERE s.schemaname IN (%(schema)s, 'identity')
 ORDER BY s.schemaname = 'identity', name
