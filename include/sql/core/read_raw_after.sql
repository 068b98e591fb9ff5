-- The next raw payloads of one kind after a given key, as many as fit into so many bytes, but at least one.
-- The columns are the fields of core.raw.RawItem, in their order.
SELECT key, body, fetched_at, content_type
  FROM (SELECT key, body, fetched_at, content_type,
               sum(octet_length(body)) OVER (ORDER BY key ROWS UNBOUNDED PRECEDING) AS bytes
          FROM core.raw_payload
         WHERE source = %(source)s AND kind = %(kind)s AND starts_with(key, %(prefix)s) AND key > %(after)s
         ORDER BY key
         LIMIT %(limit)s) AS page
 WHERE bytes <= %(bytes)s OR bytes = octet_length(body)
 ORDER BY key
