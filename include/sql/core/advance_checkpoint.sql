-- Moves a checkpoint from the revision that was read (0: it did not exist). Returns no row if it has moved since.
WITH wanted AS (
    SELECT %(source)s::text AS source, %(scope)s::text AS scope, %(stream)s::text AS stream,
           %(token)s::text AS token, %(marker)s::text AS marker, %(extras)s::jsonb AS extras,
           %(revision)s::bigint AS revision_read, %(now)s::timestamptz AS moved_at
)
INSERT INTO core.checkpoint AS c (source, scope, stream, token, marker, extras, revision, updated_at)
SELECT source, scope, stream, token, marker, extras, 1, moved_at
  FROM wanted
 WHERE revision_read = 0 OR EXISTS (SELECT FROM core.checkpoint AS e
                                     WHERE (e.source, e.scope, e.stream) = (wanted.source, wanted.scope, wanted.stream))
    ON CONFLICT (source, scope, stream) DO UPDATE
   SET token = excluded.token,
       marker = excluded.marker,
       extras = excluded.extras,
       revision = c.revision + 1,
       updated_at = excluded.updated_at
 WHERE c.revision = (SELECT revision_read FROM wanted)
RETURNING revision
