-- Neither index holds these records any more.
DELETE FROM pinecone.ledger
 WHERE instance = %(instance)s AND namespace = %(namespace)s AND record_id = ANY(%(ids)s)
