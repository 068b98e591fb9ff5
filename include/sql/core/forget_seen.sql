-- Removes the keys that a listing has shown.
DELETE FROM core.seen_item WHERE source = %(source)s AND scope = %(scope)s AND stream = %(stream)s
