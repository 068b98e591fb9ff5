-- Why did tasks of this DAG run fail? Last try of each.
SELECT task_id, failure_category, message
  FROM core.task_status
 WHERE dag_id = %(dag_id)s AND run_id = %(run_id)s AND state IN ('failed', 'killed')
