-- Notes which files were written. A key that was marked again meanwhile stays marked. The rows are locked in the order
-- in which they are marked, so that tasks do not deadlock.
WITH locked AS MATERIALIZED (
    SELECT e.key
      FROM core.exported_file AS e
     WHERE e.source = %(source)s AND e.scope = %(scope)s AND e.key = ANY(%(keys)s::text[])
     ORDER BY e.key
       FOR NO KEY UPDATE
)
UPDATE core.exported_file AS e
   SET path = w.path, sha256 = w.sha256, marks_written = w.marks
  FROM unnest(%(keys)s::text[], %(paths)s::text[], %(digests)s::bytea[], %(marks)s::bigint[])
       AS w (key, path, sha256, marks)
 WHERE e.source = %(source)s AND e.scope = %(scope)s AND e.key = w.key
   AND (SELECT count(*) FROM locked) > 0
