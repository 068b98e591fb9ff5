-- Where was this stream left?
SELECT token, marker, extras, revision
  FROM core.checkpoint
 WHERE source = %(source)s AND scope = %(scope)s AND stream = %(stream)s
