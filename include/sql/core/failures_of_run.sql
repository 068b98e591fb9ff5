-- Why did tasks of this DAG run fail? The last try of each; mapped tasks are named with their index.
SELECT CASE WHEN last.map_index < 0 THEN last.task_id ELSE last.task_id || '[' || last.map_index || ']' END,
       last.failure_category,
       coalesce((last.options ->> 'source') || ', ', '') || last.message
  FROM (SELECT DISTINCT ON (task_id, map_index) *
          FROM core.run
         WHERE dag_id = %(dag_id)s AND run_id = %(run_id)s
         ORDER BY task_id, map_index, id DESC) AS last
 WHERE last.state IN ('failed', 'killed')
