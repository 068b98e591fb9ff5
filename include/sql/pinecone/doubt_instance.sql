-- The indexes of an instance are new: nobody knows of any record whether they hold it.
UPDATE pinecone.ledger SET synced_at = NULL WHERE instance = %(instance)s
