-- When did a task of a DAG last succeed? Dry runs do not count.
SELECT max(last_success_at) FROM core.task_status WHERE dag_id = %(dag_id)s AND task_id = %(task_id)s
