-- Deletes the validators of a source's listings.
DELETE FROM core.http_cache WHERE source = %(source)s AND starts_with(url, %(prefix)s)
