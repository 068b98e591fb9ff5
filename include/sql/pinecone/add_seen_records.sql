-- Notes records, and tells which were not noted before.
INSERT INTO pg_temp.seen_record SELECT unnest(%(ids)s::text[]) ON CONFLICT DO NOTHING RETURNING record_id
