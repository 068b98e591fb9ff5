-- Which of these messages are stored, and with which values from the index?
SELECT message_hash, thread_hash, parent_hash, subject, deleted_at IS NOT NULL AS deleted, listed
  FROM mailing_list.message
 WHERE list_name = %(list_name)s AND message_hash = ANY(%(hashes)s)
