-- Notes which files were written. A key that was marked again meanwhile stays marked.
UPDATE core.exported_file AS e
   SET path = w.path, sha256 = w.sha256, marks_written = w.marks
  FROM unnest(%(keys)s::text[], %(paths)s::text[], %(digests)s::bytea[], %(marks)s::bigint[])
       AS w (key, path, sha256, marks)
 WHERE e.source = %(source)s AND e.scope = %(scope)s AND e.key = w.key
