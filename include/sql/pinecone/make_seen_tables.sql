-- Creates or empties the tables of the records and documents that one sync has seen.
CREATE TEMPORARY TABLE IF NOT EXISTS seen_record (record_id text COLLATE "C" PRIMARY KEY);
CREATE TEMPORARY TABLE IF NOT EXISTS seen_document (doc_id text PRIMARY KEY);
TRUNCATE seen_record, seen_document
