-- A sign of life of a running collector, with its counts so far.
UPDATE core.run
   SET counts = %(counts)s, requests = %(requests)s, received_bytes = %(received_bytes)s, seen_at = %(now)s
 WHERE id = %(id)s AND state = 'running'
