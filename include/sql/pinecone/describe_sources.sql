-- How far behind is each source, how much failed or is dead, and how much is in the ledger?
SELECT s.instance, s.namespace, s.app_type, s.final_sync_at, s.last_error, s.updated_at,
       extract(epoch FROM %(now)s::timestamptz - s.final_sync_at)::bigint AS lag_seconds,
       (SELECT count(*)
          FROM pinecone.ledger AS l
         WHERE (l.instance, l.namespace, l.app_type) = (s.instance, s.namespace, s.app_type)) AS chunks,
       (SELECT count(DISTINCT l.doc_id)
          FROM pinecone.ledger AS l
         WHERE (l.instance, l.namespace, l.app_type) = (s.instance, s.namespace, s.app_type)) AS documents,
       (SELECT count(*)
          FROM pinecone.failed_item AS f
         WHERE (f.instance, f.namespace, f.app_type) = (s.instance, s.namespace, s.app_type)
           AND NOT f.dead) AS failed,
       (SELECT count(*)
          FROM pinecone.failed_item AS f
         WHERE (f.instance, f.namespace, f.app_type) = (s.instance, s.namespace, s.app_type)
           AND f.dead) AS dead
  FROM pinecone.sync_status AS s
 ORDER BY s.instance, s.namespace, s.app_type
