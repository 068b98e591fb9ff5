-- Grants a lease and subtracts what it may cost from the quota. The slots of leases that its holder ends are among its
-- own from now on. Deletes leases that no longer count.
WITH taken AS (
    UPDATE core.rate_quota
       SET remaining = remaining - %(points)s
     WHERE (identity, resource) = (%(identity)s, %(resource)s)
), taken_over AS (
    UPDATE core.rate_lease
       SET slots = 0
     WHERE id = ANY(%(ending)s::bigint[]) AND identity = %(identity)s
), forgotten AS (
    DELETE FROM core.rate_lease
     WHERE (identity, resource) = (%(identity)s, %(resource)s) AND expires_at < clock_timestamp() - make_interval(secs => %(kept)s)
)
INSERT INTO core.rate_lease (identity, resource, granted, points, slots, granted_at, expires_at)
SELECT %(identity)s, %(resource)s, %(requests)s, %(points)s, %(slots)s, clock_timestamp(),
       clock_timestamp() + make_interval(secs => %(seconds)s)
RETURNING id
