-- Creates or empties the table of the ids that the two indexes list.
CREATE TEMPORARY TABLE IF NOT EXISTS inventory (
    record_id text COLLATE "C" PRIMARY KEY,
    dense boolean NOT NULL DEFAULT false,
    sparse boolean NOT NULL DEFAULT false);
TRUNCATE inventory
