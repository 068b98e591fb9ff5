-- Keeps what is stored of documents that could not be judged.
INSERT INTO pg_temp.seen_record
SELECT record_id
  FROM pinecone.ledger
 WHERE (instance, namespace, app_type) = (%(instance)s, %(namespace)s, %(app_type)s)
   AND doc_id = ANY(%(ids)s)
    ON CONFLICT DO NOTHING
