-- How do ledger and indexes differ?
SELECT count(l.record_id) AS in_ledger,
       count(*) FILTER (WHERE i.dense) AS in_dense,
       count(*) FILTER (WHERE i.sparse) AS in_sparse,
       count(*) FILTER (WHERE l.synced_at < %(settled_before)s AND NOT coalesce(i.dense AND i.sparse, false))
           AS missing,
       count(*) FILTER (WHERE l.record_id IS NULL) AS strays,
       count(*) FILTER (WHERE l.record_id IS NOT NULL AND l.synced_at IS NULL) AS unconfirmed
  FROM pg_temp.inventory AS i
  FULL JOIN (SELECT record_id, synced_at
               FROM pinecone.ledger
              WHERE instance = %(instance)s AND namespace = %(namespace)s) AS l ON l.record_id = i.record_id
