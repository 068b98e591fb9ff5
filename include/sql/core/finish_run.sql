-- Stores how a run ended.
UPDATE core.run
   SET state = %(state)s, failure_category = %(failure_category)s, message = %(message)s, counts = %(counts)s,
       requests = %(requests)s, received_bytes = %(received_bytes)s, seen_at = %(now)s, finished_at = %(now)s,
       seconds = extract(epoch FROM %(now)s - started_at)
 WHERE id = %(id)s AND state = 'running'
