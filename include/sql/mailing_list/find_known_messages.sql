-- Which of these messages are stored, and with which values from the index? Suspect is `>From ` within a line: exports
-- put it there, where a line of an encoded body ended.
SELECT message_hash, thread_hash, parent_hash, subject, deleted_at IS NOT NULL AS deleted, listed,
       content ~ '[^\n]>From ' AS suspect
  FROM mailing_list.message
 WHERE list_name = %(list_name)s AND message_hash = ANY(%(hashes)s)
