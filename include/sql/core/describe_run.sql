-- What is recorded about one run of a collector?
SELECT id, tracker, command, dag_id, task_id, try_number, options, state, message, counts, requests, received_bytes,
       started_at, seconds
  FROM core.run
 WHERE id = %(id)s
