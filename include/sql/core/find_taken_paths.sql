-- Which of these paths are those of other keys, or only of other keys whose file is up to date?
SELECT path
  FROM core.exported_file
 WHERE source = %(source)s AND scope = %(scope)s AND path = ANY(%(paths)s) AND key <> ALL(%(keys)s)
   AND (marks = marks_written OR NOT %(settled)s)
