-- Which of these records are in the ledger, from any source?
SELECT record_id, app_type, doc_id, source_ids, text_sha256, meta_sha256, synced_at IS NOT NULL AS confirmed
  FROM pinecone.ledger
 WHERE instance = %(instance)s AND namespace = %(namespace)s AND record_id = ANY(%(ids)s)
