-- Locks the quotas of some identities, always in the same order. After its reset, a quota is full again except for
-- the requests of current leases; the source's next answer corrects the figure. If no answer came and nobody holds a
-- lease any more, nothing is known, and a request has to find out. A daily quota is known before the first answer, and
-- begins anew at midnight of its time zone.
WITH locked AS (
    SELECT identity, resource
      FROM core.rate_quota
     WHERE identity = ANY(%(identities)s::text[]) AND resource = %(resource)s
     ORDER BY identity
       FOR UPDATE
), renewed AS (
    UPDATE core.rate_quota AS q
       SET quota = coalesce(%(daily_quota)s::int, q.quota),
           reset_at = CASE WHEN %(daily_quota)s::int IS NOT NULL
                           THEN (date_trunc('day', clock_timestamp() AT TIME ZONE %(time_zone)s) + interval '1 day')
                                AT TIME ZONE %(time_zone)s
                      END,
           remaining = CASE WHEN %(daily_quota)s::int IS NOT NULL THEN %(daily_quota)s::int - held.points
                            WHEN q.reset_at IS NOT NULL THEN q.quota - held.points
                       END
      FROM locked AS l
     CROSS JOIN LATERAL (
            SELECT coalesce(sum(r.points), 0)::int AS points, count(*) AS leases
              FROM core.rate_lease AS r
             WHERE (r.identity, r.resource) = (l.identity, l.resource)
               AND r.ended_at IS NULL AND r.expires_at > clock_timestamp()
           ) AS held
     WHERE (q.identity, q.resource) = (l.identity, l.resource)
       AND (q.reset_at + make_interval(secs => %(skew)s) <= clock_timestamp()
            OR (%(daily_quota)s::int IS NOT NULL AND q.remaining IS NULL)
            OR (q.reset_at IS NULL AND q.remaining IS NOT NULL AND held.leases = 0))
)
SELECT FROM locked
