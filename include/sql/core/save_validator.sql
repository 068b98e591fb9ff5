-- Stores the validator of a listing's last page, and deletes those of other identities, which are older.
WITH older AS (
    DELETE FROM core.http_cache
     WHERE source = %(source)s AND scope = %(scope)s AND stream = %(stream)s AND identity <> %(identity)s
)
INSERT INTO core.http_cache (source, scope, stream, identity, page, etag, last_modified, updated_at)
VALUES (%(source)s, %(scope)s, %(stream)s, %(identity)s, %(page)s, %(etag)s, %(last_modified)s, %(now)s)
    ON CONFLICT (source, scope, stream, identity) DO UPDATE
   SET page = excluded.page,
       etag = excluded.etag,
       last_modified = excluded.last_modified,
       updated_at = excluded.updated_at
