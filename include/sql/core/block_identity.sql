-- Blocks an identity for some time, because the source asked to wait.
UPDATE core.rate_quota
   SET blocked_until = greatest(blocked_until, clock_timestamp() + make_interval(secs => %(seconds)s))
 WHERE (identity, resource) = (%(identity)s, %(resource)s)
