-- Closes the rows that killed tries of this task left open, and inserts one for this try.
WITH abandoned AS (
    UPDATE core.run
       SET state = 'killed',
           finished_at = %(now)s,
           seconds = extract(epoch FROM seen_at - started_at),
           message = 'The task process ended without a word: killed, out of memory, or its worker was lost.'
     WHERE dag_id = %(dag_id)s AND run_id = %(run_id)s AND task_id = %(task_id)s
       AND map_index = %(map_index)s AND state = 'running'
)
INSERT INTO core.run (tracker, command, dag_id, run_id, task_id, map_index, try_number, options, started_at, seen_at)
VALUES (%(tracker)s, %(command)s, %(dag_id)s, %(run_id)s, %(task_id)s, %(map_index)s, %(try_number)s,
        %(options)s, %(now)s, %(now)s)
RETURNING id
