-- Notes that both indexes took these records; without a time, that nobody knows.
UPDATE pinecone.ledger
   SET synced_at = %(now)s::timestamptz
 WHERE instance = %(instance)s AND namespace = %(namespace)s AND record_id = ANY(%(ids)s)
