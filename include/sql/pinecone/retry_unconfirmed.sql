-- Puts the source ids of unconfirmed records on the list of failures, so that the next sync tries them again.
INSERT INTO pinecone.failed_item
       (instance, namespace, app_type, failed_id, reason, last_attempt_at, next_attempt_at, created_at)
SELECT DISTINCT l.instance, l.namespace, l.app_type, s.source_id, 'missing in the index',
       %(now)s::timestamptz, %(now)s::timestamptz, %(now)s::timestamptz
  FROM pinecone.ledger AS l, unnest(l.source_ids) AS s (source_id)
 WHERE l.instance = %(instance)s AND l.namespace = %(namespace)s AND l.synced_at IS NULL
    ON CONFLICT (instance, namespace, app_type, failed_id)
    DO UPDATE SET dead = false, next_attempt_at = excluded.next_attempt_at
