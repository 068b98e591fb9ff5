-- Holds the hashes that one complete walk comes across; emptied for each walk of the session.
CREATE TEMPORARY TABLE IF NOT EXISTS seen_message (message_hash text COLLATE "C" PRIMARY KEY);
TRUNCATE pg_temp.seen_message
