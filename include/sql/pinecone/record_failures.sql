-- Puts source ids on the list of failures. Each refusal waits longer: at once, 10 minutes, 40 minutes, 90 minutes ...
INSERT INTO pinecone.failed_item AS f
       (instance, namespace, app_type, failed_id, reason, attempts, dead,
        last_attempt_at, next_attempt_at, created_at)
SELECT %(instance)s, %(namespace)s, %(app_type)s, n.failed_id, n.reason, %(counted)s, false,
       %(now)s, %(now)s, %(now)s
  FROM unnest(%(ids)s::text[], %(reasons)s::text[]) AS n (failed_id, reason)
    ON CONFLICT (instance, namespace, app_type, failed_id) DO UPDATE
   SET reason = excluded.reason,
       attempts = f.attempts + excluded.attempts,
       dead = f.dead OR f.attempts + excluded.attempts >= %(dead_after)s,
       last_attempt_at = excluded.last_attempt_at,
       next_attempt_at = excluded.last_attempt_at
                         + excluded.attempts * f.attempts * f.attempts * interval '10 minutes'
