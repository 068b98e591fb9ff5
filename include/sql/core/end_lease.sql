-- Ends a lease. What it did not use is there again, if it ends in time. If the source tells of a later window, its
-- figures begin anew; if it tells less than we count, it is right. What others hold is not there, whoever tells it.
WITH ended AS (
    UPDATE core.rate_lease
       SET ended_at = clock_timestamp(), used = %(used)s
     WHERE id = %(id)s AND ended_at IS NULL
    RETURNING CASE WHEN expires_at > clock_timestamp() THEN %(unused)s ELSE 0 END AS back
), given AS (
    SELECT coalesce(sum(back), 0)::int AS back FROM ended
), held AS (
    SELECT coalesce(sum(granted), 0)::int AS granted
      FROM core.rate_lease
     WHERE (identity, resource) = (%(identity)s, %(resource)s)
       AND ended_at IS NULL AND expires_at > clock_timestamp() AND id <> %(id)s
)
UPDATE core.rate_quota AS q
   SET quota = coalesce(%(quota)s::int, q.quota),
       reset_at = greatest(%(reset_at)s::timestamptz, q.reset_at),
       remaining = CASE
           WHEN %(told)s::int IS NULL THEN q.remaining + given.back
           WHEN q.remaining IS NULL OR q.reset_at < %(reset_at)s THEN %(told)s - held.granted
           ELSE least(q.remaining + given.back, %(told)s)
       END
  FROM given, held
 WHERE (q.identity, q.resource) = (%(identity)s, %(resource)s)
