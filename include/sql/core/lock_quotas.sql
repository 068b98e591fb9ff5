-- Locks the quotas of some identities, always in the same order. After its reset, a quota is full again except for
-- the requests of current leases; the source's next answer corrects the figure.
WITH locked AS (
    SELECT identity, resource
      FROM core.rate_quota
     WHERE identity = ANY(%(identities)s::text[]) AND resource = %(resource)s
     ORDER BY identity
       FOR UPDATE
), renewed AS (
    UPDATE core.rate_quota AS q
       SET reset_at = NULL,
           remaining = q.quota - (SELECT coalesce(sum(r.granted), 0)
                                    FROM core.rate_lease AS r
                                   WHERE (r.identity, r.resource) = (q.identity, q.resource)
                                     AND r.ended_at IS NULL AND r.expires_at > clock_timestamp())
      FROM locked AS l
     WHERE (q.identity, q.resource) = (l.identity, l.resource)
       AND q.reset_at + make_interval(secs => %(skew)s) <= clock_timestamp()
)
SELECT identity, clock_timestamp() FROM locked
