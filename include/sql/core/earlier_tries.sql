-- How did the earlier tries of a task end since it was last cleared? Newest first.
SELECT state, failure_category
  FROM core.run
 WHERE dag_id = %(dag_id)s AND run_id = %(run_id)s AND task_id = %(task_id)s AND map_index = %(map_index)s
   AND try_number > %(cleared_at_try)s AND try_number < %(try_number)s AND state <> 'running'
 ORDER BY id DESC
