-- Resets the status of all sources of an instance, so that each next sync compares everything.
UPDATE pinecone.sync_status SET final_sync_at = NULL WHERE instance = %(instance)s
