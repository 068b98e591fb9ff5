-- Ends leases. Of those with requests in flight, only these requests remain, and they may be reported again. What was not
-- used is available again if it is reported in time. If the source reports a later window, its figures replace ours; in the same
-- window only a figure below ours does: somebody else uses the quota. What is leased to others is never available. A request that was accepted under a lease
-- granted after the last refusal ends the refusals. If the source's clock is off, its reset becomes one by this clock, which is the same for
-- all answers of a window although they took their time.
WITH reported AS (
    SELECT *
      FROM unnest(%(ids)s::bigint[], %(identities)s::text[], %(requests)s::int[], %(points)s::int[], %(in_flight)s::int[],
                  %(accepted)s::bool[], %(quotas)s::int[], %(remaining)s::int[], %(resets)s::timestamptz[],
                  %(answers)s::timestamptz[], %(ages)s::float8[])
           AS r(id, identity, requests, points, in_flight, accepted, quota, remaining, reset_at, answered_at, age)
), held AS (
    SELECT l.id, l.identity, l.points, l.granted_at
      FROM core.rate_lease AS l
     WHERE l.identity IN (SELECT identity FROM reported) AND l.resource = %(resource)s
       AND l.ended_at IS NULL AND l.expires_at > clock_timestamp()
), ended AS (
    UPDATE core.rate_lease AS l
       SET used = r.requests, points = r.points, slots = r.in_flight,
           ended_at = CASE WHEN r.in_flight = 0 THEN clock_timestamp() END
      FROM reported AS r
     WHERE l.id = r.id AND l.ended_at IS NULL
), identities AS (
    SELECT r.identity,
           coalesce(sum(h.points - r.points), 0)::int AS back,
           max(r.quota) AS quota,
           max(r.reset_at) AS reset_at,
           max(h.granted_at) FILTER (WHERE r.accepted) AS accepted_at,
           sum(r.in_flight)::int
           + (SELECT coalesce(sum(o.points), 0)::int FROM held AS o
               WHERE o.identity = r.identity AND o.id NOT IN (SELECT id FROM reported)) AS leased
      FROM reported AS r
      LEFT JOIN held AS h ON h.id = r.id
     GROUP BY r.identity
), latest AS (
    SELECT i.identity, i.back, i.quota, i.accepted_at, i.leased, newest.remaining,
           CASE WHEN newest.off IS NULL OR abs(newest.off) <= %(tolerance)s THEN i.reset_at
                WHEN abs(extract(epoch FROM i.reset_at - q.reset_at) + newest.off) <= %(tolerance)s THEN q.reset_at
                ELSE i.reset_at + make_interval(secs => newest.off)
           END AS reset_at
      FROM identities AS i
      JOIN core.rate_quota AS q ON (q.identity, q.resource) = (i.identity, %(resource)s)
     CROSS JOIN LATERAL (
            SELECT min(r.remaining) AS remaining,
                   min(extract(epoch FROM clock_timestamp() - r.answered_at) - r.age)::float8 AS off
              FROM reported AS r
             WHERE r.identity = i.identity AND r.reset_at = i.reset_at
           ) AS newest
)
UPDATE core.rate_quota AS q
   SET quota = coalesce(n.quota, q.quota),
       reset_at = greatest(n.reset_at, q.reset_at),
       remaining = CASE
           WHEN n.remaining IS NULL THEN q.remaining + n.back
           WHEN q.remaining IS NULL OR q.reset_at < n.reset_at THEN n.remaining - n.leased
           WHEN n.remaining < q.remaining + n.back THEN n.remaining - n.leased
           ELSE q.remaining + n.back
       END,
       refusals = CASE WHEN n.accepted_at > coalesce(q.blocked_at, '-infinity') THEN 0 ELSE q.refusals END
  FROM latest AS n
 WHERE (q.identity, q.resource) = (n.identity, %(resource)s)
