-- Adds documents that the sync has seen.
INSERT INTO pg_temp.seen_document SELECT unnest(%(ids)s::text[]) ON CONFLICT DO NOTHING
