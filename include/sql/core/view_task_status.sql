-- How did the last try of each collector task end, and when did it last succeed? Dry runs do not count.
CREATE VIEW core.task_status AS
SELECT DISTINCT ON (dag_id, task_id, map_index)
       dag_id, task_id, map_index, command, tracker, run_id, try_number, state, failure_category, message,
       counts, requests, seconds, started_at, finished_at,
       (SELECT max(ok.finished_at)
          FROM core.run AS ok
         WHERE ok.dag_id = run.dag_id AND ok.task_id = run.task_id AND ok.map_index = run.map_index
           AND ok.state = 'success' AND NOT ok.options @> '{"dry_run": true}') AS last_success_at
  FROM core.run AS run
 WHERE dag_id <> ''
 ORDER BY dag_id, task_id, map_index, started_at DESC, id DESC
