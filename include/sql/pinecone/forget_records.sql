-- Deletes records from the ledger that neither index has any more.
DELETE FROM pinecone.ledger
 WHERE instance = %(instance)s AND namespace = %(namespace)s AND record_id = ANY(%(ids)s)
