-- How many requests can each identity send now? A lease counts until none of its requests can be in the window.
-- The columns are the fields of core.budget.availability.QuotaState.
SELECT q.identity, q.remaining, q.quota,
       extract(epoch FROM q.reset_at - clock_timestamp())::float8 AS until_reset,
       greatest(extract(epoch FROM q.blocked_until - clock_timestamp()), 0)::float8 AS blocked,
       q.refusals, live.trying, live.slots_taken, live.slots_of_own, recent.in_window,
       greatest(recent.window_frees, 0.05)::float8 AS window_frees
  FROM core.rate_quota AS q
 CROSS JOIN LATERAL (
        SELECT coalesce(sum(l.slots), 0)::int AS slots_taken,
               coalesce(sum(l.slots) FILTER (WHERE l.id = ANY(%(ending)s::bigint[])), 0)::int AS slots_of_own,
               count(*) FILTER (WHERE l.granted_at > coalesce(q.blocked_at, '-infinity'))::int AS trying
          FROM core.rate_lease AS l
         WHERE (l.identity, l.resource) = (q.identity, q.resource)
           AND l.ended_at IS NULL AND l.expires_at > clock_timestamp()
       ) AS live
 CROSS JOIN LATERAL (
        SELECT coalesce(sum(coalesce(l.used, l.granted)), 0)::int AS in_window,
               extract(epoch FROM min(coalesce(l.ended_at, l.expires_at)) - clock_timestamp()) + %(window)s AS window_frees
          FROM core.rate_lease AS l
         WHERE %(window)s > 0 AND (l.identity, l.resource) = (q.identity, q.resource)
           AND l.expires_at > clock_timestamp() - make_interval(secs => %(window)s)
           AND coalesce(l.ended_at, l.expires_at) > clock_timestamp() - make_interval(secs => %(window)s)
       ) AS recent
 WHERE q.identity = ANY(%(identities)s::text[]) AND q.resource = %(resource)s
 ORDER BY q.identity
