-- Marks records that the indexes lack as unconfirmed.
UPDATE pinecone.ledger AS l
   SET synced_at = NULL
 WHERE l.instance = %(instance)s AND l.namespace = %(namespace)s AND l.synced_at < %(settled_before)s
   AND NOT EXISTS (SELECT FROM pg_temp.inventory AS i WHERE i.record_id = l.record_id AND i.dense AND i.sparse)
