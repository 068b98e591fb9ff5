-- Which messages that were once in the index did a complete walk not find?
SELECT m.message_hash
  FROM mailing_list.message AS m
 WHERE m.list_name = %(list_name)s AND m.listed AND m.deleted_at IS NULL
   AND m.message_hash COLLATE "C" > %(after)s
   AND NOT EXISTS (SELECT FROM pg_temp.seen_message AS s WHERE s.message_hash = m.message_hash)
 ORDER BY m.message_hash COLLATE "C"
 LIMIT %(limit)s
