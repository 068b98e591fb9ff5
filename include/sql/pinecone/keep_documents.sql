-- Marks the stored records of documents as seen, because no records could be built from these documents.
INSERT INTO pg_temp.seen_record
SELECT record_id
  FROM pinecone.ledger
 WHERE (instance, namespace, app_type) = (%(instance)s, %(namespace)s, %(app_type)s)
   AND doc_id = ANY(%(ids)s)
    ON CONFLICT DO NOTHING
