-- Has this source any entry on the list of failures?
SELECT EXISTS (SELECT
                 FROM pinecone.failed_item
                WHERE (instance, namespace, app_type) = (%(instance)s, %(namespace)s, %(app_type)s))
