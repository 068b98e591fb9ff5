-- Adds rows for the quotas of new identities.
INSERT INTO core.rate_quota (identity, resource)
SELECT unnest(%(identities)s::text[]), %(resource)s
 ORDER BY 1
    ON CONFLICT DO NOTHING
