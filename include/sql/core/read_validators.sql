-- Which validators are stored for a source's listings?
SELECT url, etag, last_modified FROM core.http_cache WHERE source = %(source)s AND starts_with(url, %(prefix)s)
