-- Has the next sync of a source begin from the start where it cannot be told which documents to try again.
UPDATE pinecone.sync_status AS s
   SET final_sync_at = NULL
 WHERE s.instance = %(instance)s AND s.namespace = %(namespace)s
   AND EXISTS (SELECT
                 FROM pinecone.ledger AS l
                WHERE (l.instance, l.namespace, l.app_type) = (s.instance, s.namespace, s.app_type)
                  AND l.synced_at IS NULL AND l.source_ids = '{}')
