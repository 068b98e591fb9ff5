-- Which of these keys have a raw payload?
SELECT key
  FROM core.raw_payload
 WHERE source = %(source)s AND kind = %(kind)s AND key = ANY(%(keys)s)
