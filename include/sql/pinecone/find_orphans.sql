-- Which records of the ledger did this sync not produce? After a partial sync, only those of documents that it saw.
SELECT l.record_id
  FROM pinecone.ledger AS l
 WHERE (l.instance, l.namespace, l.app_type) = (%(instance)s, %(namespace)s, %(app_type)s)
   AND l.record_id COLLATE "C" > %(after)s
   AND (%(complete)s OR l.doc_id IN (SELECT doc_id FROM pg_temp.seen_document))
   AND NOT EXISTS (SELECT FROM pg_temp.seen_record AS s WHERE s.record_id = l.record_id)
 ORDER BY l.record_id COLLATE "C"
 LIMIT %(limit)s
