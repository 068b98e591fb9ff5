-- Marks every key of a unit, so that all its files are written anew; locks in the order in which keys are marked.
WITH locked AS MATERIALIZED (
    SELECT key
      FROM core.exported_file
     WHERE source = %(source)s AND scope = %(scope)s
     ORDER BY key
       FOR NO KEY UPDATE
)
UPDATE core.exported_file AS e
   SET marks = e.marks + 1
  FROM locked AS l
 WHERE e.source = %(source)s AND e.scope = %(scope)s AND e.key = l.key
