-- Which ids does an index have that the ledger does not?
-- NOT EXISTS would become a join over the whole ledger, for each page again.
SELECT i.record_id, i.dense AND i.sparse
  FROM pg_temp.inventory AS i
 WHERE i.record_id > %(after)s
   AND NOT coalesce((SELECT true
                       FROM pinecone.ledger AS l
                      WHERE l.instance = %(instance)s AND l.namespace = %(namespace)s
                        AND l.record_id = i.record_id), false)
 ORDER BY i.record_id
 LIMIT %(limit)s
