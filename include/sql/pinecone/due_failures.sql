-- Which source ids are due to be tried again? Oldest first.
SELECT failed_id
  FROM pinecone.failed_item
 WHERE (instance, namespace, app_type) = (%(instance)s, %(namespace)s, %(app_type)s)
   AND NOT dead AND next_attempt_at <= %(now)s
 ORDER BY last_attempt_at, id
 LIMIT %(limit)s
