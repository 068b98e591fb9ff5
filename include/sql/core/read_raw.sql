-- The raw payloads with these keys.
SELECT key, body, content_type, fetched_at
  FROM core.raw_payload
 WHERE source = %(source)s AND kind = %(kind)s AND key = ANY(%(keys)s)
 ORDER BY key
