-- Adds records that the sync has seen, and returns those that are new.
INSERT INTO pg_temp.seen_record SELECT unnest(%(ids)s::text[]) ON CONFLICT DO NOTHING RETURNING record_id
