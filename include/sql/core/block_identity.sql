-- Blocks an identity, because the source refused a request of this lease: for as long as the source asks, or else for
-- twice as long as last time. Requests that were admitted before the last refusal was known count as one with it.
UPDATE core.rate_quota AS q
   SET blocked_at = CASE WHEN n.is_new THEN clock_timestamp() ELSE q.blocked_at END,
       refusals = q.refusals + CASE WHEN n.is_new THEN 1 ELSE 0 END,
       blocked_until = greatest(
           q.blocked_until,
           clock_timestamp() + make_interval(secs => CASE
               WHEN %(wait)s::float8 IS NOT NULL THEN greatest(%(wait)s::float8, least(n.doubled - 1, %(longest)s))
               WHEN n.is_new THEN least(%(first)s * n.doubled, %(longest)s)
               ELSE 0
           END))
  FROM (SELECT u.identity, u.resource, 2 ^ least(u.refusals, 20) AS doubled,
               coalesce(u.blocked_at < (SELECT granted_at FROM core.rate_lease WHERE id = %(lease)s), true) AS is_new
          FROM core.rate_quota AS u
         WHERE (u.identity, u.resource) = (%(identity)s, %(resource)s)
           FOR UPDATE) AS n
 WHERE (q.identity, q.resource) = (n.identity, n.resource)
