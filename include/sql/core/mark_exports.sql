-- Marks keys whose file has to be written anew. A key that is being written meanwhile stays marked.
INSERT INTO core.exported_file AS e (source, scope, key)
SELECT %(source)s, %(scope)s, key FROM unnest(%(keys)s::text[]) AS key ORDER BY key
    ON CONFLICT (source, scope, key) DO UPDATE SET marks = e.marks + 1
