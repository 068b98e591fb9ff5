-- Notes where files are about to be written, so that a file that a killed run wrote is known.
UPDATE core.exported_file AS e
   SET planned = w.path
  FROM unnest(%(keys)s::text[], %(paths)s::text[]) AS w (key, path)
 WHERE e.source = %(source)s AND e.scope = %(scope)s AND e.key = w.key AND e.planned <> w.path
