-- The raw payloads with these keys.
-- The columns are the fields of core.raw.RawItem, in their order.
SELECT key, body, fetched_at, content_type
  FROM core.raw_payload
 WHERE source = %(source)s AND kind = %(kind)s AND key = ANY(%(keys)s)
 ORDER BY key
