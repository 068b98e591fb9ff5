-- Ends a lease. Its unused requests are available again if it ends in time. If the source reports a later window, its
-- figures replace ours; in the same window, the lower figure counts. Requests leased to others are never available.
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
           WHEN %(remaining)s::int IS NULL THEN q.remaining + given.back
           WHEN q.remaining IS NULL OR q.reset_at < %(reset_at)s THEN %(remaining)s - held.granted
           ELSE least(q.remaining + given.back, %(remaining)s)
       END
  FROM given, held
 WHERE (q.identity, q.resource) = (%(identity)s, %(resource)s)
