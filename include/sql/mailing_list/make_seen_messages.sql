-- Creates or empties the table of the hashes that one complete walk finds.
CREATE TEMPORARY TABLE IF NOT EXISTS seen_message (message_hash text COLLATE "C" PRIMARY KEY);
TRUNCATE pg_temp.seen_message
