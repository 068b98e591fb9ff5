-- Notes documents.
INSERT INTO pg_temp.seen_document SELECT unnest(%(ids)s::text[]) ON CONFLICT DO NOTHING
