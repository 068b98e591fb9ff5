-- Which of these paths are those of other keys?
SELECT path
  FROM core.exported_file
 WHERE source = %(source)s AND scope = %(scope)s AND path = ANY(%(paths)s) AND key <> ALL(%(keys)s)
