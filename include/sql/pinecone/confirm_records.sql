-- Marks records as stored in both indexes; without a time, as unconfirmed.
UPDATE pinecone.ledger
   SET synced_at = %(now)s::timestamptz
 WHERE instance = %(instance)s AND namespace = %(namespace)s AND record_id = ANY(%(ids)s)
