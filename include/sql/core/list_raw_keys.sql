-- The next keys of one kind of raw payload after a given one, with the size of their bodies.
SELECT key, octet_length(body)
  FROM core.raw_payload
 WHERE source = %(source)s AND kind = %(kind)s AND starts_with(key, %(prefix)s)
   AND key > %(after)s
 ORDER BY key
 LIMIT %(limit)s
