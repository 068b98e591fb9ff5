-- Makes room for the quotas of identities that are new.
INSERT INTO core.rate_quota (identity, resource)
SELECT unnest(%(identities)s::text[]), %(resource)s
 ORDER BY 1
    ON CONFLICT DO NOTHING
