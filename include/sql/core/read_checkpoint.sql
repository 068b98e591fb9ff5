-- What is the checkpoint of this stream?
SELECT token, marker, extras, revision
  FROM core.checkpoint
 WHERE source = %(source)s AND scope = %(scope)s AND stream = %(stream)s
