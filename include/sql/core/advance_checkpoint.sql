-- Moves a checkpoint from the revision that was read (0 = it did not exist). No row comes back if it moved since.
INSERT INTO core.checkpoint AS c (source, scope, stream, token, marker, extras, revision, updated_at)
SELECT %(source)s, %(scope)s, %(stream)s, %(token)s, %(marker)s, %(extras)s, 1, %(now)s
 WHERE %(revision)s = 0
    OR EXISTS (SELECT FROM core.checkpoint
                WHERE source = %(source)s AND scope = %(scope)s AND stream = %(stream)s)
    ON CONFLICT (source, scope, stream) DO UPDATE
   SET token = excluded.token,
       marker = excluded.marker,
       extras = excluded.extras,
       revision = c.revision + 1,
       updated_at = excluded.updated_at
 WHERE c.revision = %(revision)s
RETURNING revision
