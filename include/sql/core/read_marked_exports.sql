-- Which keys of a unit have a file that is still to be written, and where may a file of theirs be now?
SELECT key, path, planned, sha256, marks
  FROM core.exported_file
 WHERE source = %(source)s AND scope = %(scope)s AND key > %(after)s AND marks <> marks_written
 ORDER BY key
 LIMIT %(limit)s
