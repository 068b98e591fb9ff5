-- Resets the status of sources with unconfirmed records without source ids, which cannot be retried one by one.
UPDATE pinecone.sync_status AS s
   SET final_sync_at = NULL
 WHERE s.instance = %(instance)s AND s.namespace = %(namespace)s
   AND EXISTS (SELECT
                 FROM pinecone.ledger AS l
                WHERE (l.instance, l.namespace, l.app_type) = (s.instance, s.namespace, s.app_type)
                  AND l.synced_at IS NULL AND l.source_ids = '{}')
