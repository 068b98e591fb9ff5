-- Up to which time is everything of this source in the index?
SELECT final_sync_at
  FROM pinecone.sync_status
 WHERE (instance, namespace, app_type) = (%(instance)s, %(namespace)s, %(app_type)s)
