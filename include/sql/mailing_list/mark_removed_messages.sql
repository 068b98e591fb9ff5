-- Marks messages that the archive removed; their text is kept.
UPDATE mailing_list.message
   SET deleted_at = %(now)s, updated_at = %(now)s
 WHERE list_name = %(list_name)s AND message_hash = ANY(%(hashes)s) AND deleted_at IS NULL
