-- Which records are built only from these rows of the source?
SELECT record_id
  FROM pinecone.ledger
 WHERE (instance, namespace, app_type) = (%(instance)s, %(namespace)s, %(app_type)s)
   AND source_ids && %(ids)s::text[] AND source_ids <@ %(ids)s::text[]
   AND record_id > %(after)s
 ORDER BY record_id
 LIMIT %(limit)s
