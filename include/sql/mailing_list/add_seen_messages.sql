-- Adds the hashes of a page.
INSERT INTO pg_temp.seen_message (message_hash)
SELECT DISTINCT unnest(%(hashes)s::text[])
    ON CONFLICT DO NOTHING
