-- Grants a lease and subtracts its requests from the quota. Deletes leases that no longer count.
WITH taken AS (
    UPDATE core.rate_quota
       SET remaining = remaining - %(granted)s
     WHERE (identity, resource) = (%(identity)s, %(resource)s)
), forgotten AS (
    DELETE FROM core.rate_lease
     WHERE (identity, resource) = (%(identity)s, %(resource)s) AND expires_at < clock_timestamp() - interval '1 hour'
)
INSERT INTO core.rate_lease (identity, resource, granted, slots, granted_at, expires_at)
SELECT %(identity)s, %(resource)s, %(granted)s, %(slots)s, clock_timestamp(),
       clock_timestamp() + make_interval(secs => %(seconds)s)
RETURNING id
