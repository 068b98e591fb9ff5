-- Which keys of a unit have a file that is still to be written, and where is the file that they have now?
SELECT key, path, sha256, marks
  FROM core.exported_file
 WHERE source = %(source)s AND scope = %(scope)s AND key > %(after)s AND marks <> marks_written
 ORDER BY key
 LIMIT %(limit)s
