-- Stores the current counts of a running collector.
UPDATE core.run
   SET counts = %(counts)s, requests = %(requests)s, received_bytes = %(received_bytes)s, seen_at = %(now)s
 WHERE id = %(id)s AND state = 'running'
