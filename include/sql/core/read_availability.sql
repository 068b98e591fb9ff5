-- How many requests can each identity send now? A lease counts until none of its requests can be in the window.
SELECT q.identity, q.remaining, q.quota, q.reset_at,
       greatest(extract(epoch FROM q.blocked_until - clock_timestamp()), 0)::float8 AS blocked,
       coalesce(l.slots_taken, 0) AS slots_taken,
       coalesce(l.live, 0) AS live,
       coalesce(l.in_window, 0) AS in_window,
       greatest(coalesce(l.window_frees, 0), 0.05)::float8 AS window_frees,
       greatest(coalesce(l.slot_frees, 0), 0.05)::float8 AS slot_frees
  FROM core.rate_quota AS q
  LEFT JOIN LATERAL (
        SELECT sum(r.slots) FILTER (WHERE r.is_live) AS slots_taken,
               count(*) FILTER (WHERE r.is_live) AS live,
               sum(coalesce(r.used, r.granted)) AS in_window,
               extract(epoch FROM min(r.until) - clock_timestamp()) + %(window)s AS window_frees,
               extract(epoch FROM min(r.until) FILTER (WHERE r.is_live) - clock_timestamp()) AS slot_frees
          FROM (SELECT n.slots, n.used, n.granted, coalesce(n.ended_at, n.expires_at) AS until,
                       n.ended_at IS NULL AND n.expires_at > clock_timestamp() AS is_live
                  FROM core.rate_lease AS n
                 WHERE (n.identity, n.resource) = (q.identity, q.resource)
                   AND n.expires_at > clock_timestamp() - make_interval(secs => %(window)s)) AS r
         WHERE r.until > clock_timestamp() - make_interval(secs => %(window)s)
       ) AS l ON true
 WHERE q.identity = ANY(%(identities)s::text[]) AND q.resource = %(resource)s
 ORDER BY q.identity
