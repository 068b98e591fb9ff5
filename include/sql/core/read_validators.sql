-- Which validators are stored for this page of a listing?
SELECT identity, etag, last_modified
  FROM core.http_cache
 WHERE source = %(source)s AND scope = %(scope)s AND stream = %(stream)s AND page = %(page)s
