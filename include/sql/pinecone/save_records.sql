-- Stores records that are about to be written, or (with a time) records that the indexes already have.
INSERT INTO pinecone.ledger
       (instance, namespace, record_id, app_type, doc_id, source_ids, text_sha256, meta_sha256, synced_at)
SELECT r.instance, r.namespace, r.record_id, r.app_type, r.doc_id, r.source_ids, r.text_sha256, r.meta_sha256,
       r.synced_at
  FROM jsonb_to_recordset(%(rows)s)
       AS r (instance text, namespace text, record_id text, app_type text, doc_id text, source_ids text[],
             text_sha256 text, meta_sha256 text, synced_at timestamptz)
 ORDER BY r.record_id COLLATE "C"
    ON CONFLICT (instance, namespace, record_id) DO UPDATE
   SET app_type = excluded.app_type,
       doc_id = excluded.doc_id,
       source_ids = excluded.source_ids,
       text_sha256 = excluded.text_sha256,
       meta_sha256 = excluded.meta_sha256,
       synced_at = excluded.synced_at
