-- Which records of the ledger did this sync not produce? After a partial sync, only those of documents that it saw.
-- NOT EXISTS would become a join over everything that was seen, sorted again for each page.
SELECT l.record_id
  FROM pinecone.ledger AS l
 WHERE (l.instance, l.namespace, l.app_type) = (%(instance)s, %(namespace)s, %(app_type)s)
   AND l.record_id > %(after)s
   AND (%(complete)s OR l.doc_id IN (SELECT doc_id FROM pg_temp.seen_document))
   AND NOT coalesce((SELECT true FROM pg_temp.seen_record AS s WHERE s.record_id = l.record_id), false)
 ORDER BY l.record_id
 LIMIT %(limit)s
