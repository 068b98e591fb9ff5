-- How often did a task of a DAG run succeed, before it was cleared?
SELECT count(*)
  FROM core.run
 WHERE dag_id = %(dag_id)s AND run_id = %(run_id)s AND task_id = %(task_id)s AND map_index = %(map_index)s
   AND state = 'success'
