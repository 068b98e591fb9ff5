-- Which ids does an index have that the ledger does not?
SELECT i.record_id, i.dense AND i.sparse
  FROM pg_temp.inventory AS i
 WHERE i.record_id COLLATE "C" > %(after)s
   AND NOT EXISTS (SELECT
                     FROM pinecone.ledger AS l
                    WHERE l.instance = %(instance)s AND l.namespace = %(namespace)s
                      AND l.record_id = i.record_id)
 ORDER BY i.record_id COLLATE "C"
 LIMIT %(limit)s
