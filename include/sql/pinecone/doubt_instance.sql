-- Marks all records of an instance as unconfirmed, because an index is new.
UPDATE pinecone.ledger SET synced_at = NULL WHERE instance = %(instance)s
