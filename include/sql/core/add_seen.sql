-- Adds keys that a complete listing shows.
INSERT INTO core.seen_item (source, scope, stream, key)
SELECT %(source)s, %(scope)s, %(stream)s, key FROM unnest(%(keys)s::text[]) AS key ORDER BY key
    ON CONFLICT DO NOTHING
