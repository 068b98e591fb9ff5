-- Removes source ids from the list of failures; without ids, all of them.
DELETE FROM pinecone.failed_item
 WHERE (instance, namespace, app_type) = (%(instance)s, %(namespace)s, %(app_type)s)
   AND (%(ids)s::text[] IS NULL OR failed_id = ANY(%(ids)s::text[]))
