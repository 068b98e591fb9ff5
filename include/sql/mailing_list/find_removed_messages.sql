-- Which messages that were once in the index did a complete walk not find?
-- NOT EXISTS would become a join over everything that was seen, sorted again for each page.
SELECT m.message_hash
  FROM mailing_list.message AS m
 WHERE m.list_name = %(list_name)s AND m.listed AND m.deleted_at IS NULL
   AND m.message_hash > %(after)s
   AND NOT coalesce((SELECT true FROM pg_temp.seen_message AS s WHERE s.message_hash = m.message_hash), false)
 ORDER BY m.message_hash
 LIMIT %(limit)s
