-- Puts source ids on the list of failures whose records are unconfirmed.
INSERT INTO pinecone.failed_item
       (instance, namespace, app_type, failed_id, reason, last_attempt_at, next_attempt_at, created_at)
SELECT DISTINCT l.instance, l.namespace, l.app_type, s.source_id, 'a sync was cut off while writing it',
       %(now)s::timestamptz, %(now)s::timestamptz, %(now)s::timestamptz
  FROM pinecone.ledger AS l, unnest(l.source_ids) AS s (source_id)
 WHERE (l.instance, l.namespace, l.app_type) = (%(instance)s, %(namespace)s, %(app_type)s)
   AND l.synced_at IS NULL
    ON CONFLICT (instance, namespace, app_type, failed_id) DO NOTHING
