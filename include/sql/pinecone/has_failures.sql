-- Is anything of this source on the list?
SELECT EXISTS (SELECT
                 FROM pinecone.failed_item
                WHERE (instance, namespace, app_type) = (%(instance)s, %(namespace)s, %(app_type)s))
