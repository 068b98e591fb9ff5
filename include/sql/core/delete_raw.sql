-- Deletes raw payloads that newer ones of another kind have replaced.
DELETE FROM core.raw_payload
 WHERE source = %(source)s AND kind = %(kind)s AND key = ANY(%(keys)s)
