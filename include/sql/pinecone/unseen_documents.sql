-- Which of these documents has the sync not seen?
SELECT unnest(%(ids)s::text[])
EXCEPT
SELECT doc_id FROM pg_temp.seen_document WHERE doc_id = ANY(%(ids)s::text[])
