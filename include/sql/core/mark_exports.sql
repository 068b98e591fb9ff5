-- Marks keys whose file has to be written anew. A key that is being written meanwhile stays marked.
INSERT INTO core.exported_file AS e (source, scope, key)
SELECT %(source)s, w.scope, w.key
  FROM unnest(%(scopes)s::text[], %(keys)s::text[]) AS w (scope, key)
 ORDER BY w.scope COLLATE "C", w.key COLLATE "C"
    ON CONFLICT (source, scope, key) DO UPDATE SET marks = e.marks + 1
