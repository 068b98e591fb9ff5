-- Which records belong to these documents?
SELECT record_id
  FROM pinecone.ledger
 WHERE (instance, namespace, app_type) = (%(instance)s, %(namespace)s, %(app_type)s)
   AND doc_id = ANY(%(ids)s) AND record_id > %(after)s
 ORDER BY record_id
 LIMIT %(limit)s
