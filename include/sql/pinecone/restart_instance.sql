-- Every sync of an instance begins from the start.
UPDATE pinecone.sync_status SET final_sync_at = NULL WHERE instance = %(instance)s
