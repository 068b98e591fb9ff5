-- Updates stored messages with the values of the index. The content hash includes the subject.
UPDATE mailing_list.message AS m
   SET thread_hash = l.thread_hash,
       parent_hash = l.parent_hash,
       subject = l.subject,
       content_hash = encode(sha256(convert_to(l.subject || E'\n' || m.content, 'UTF8')), 'hex'),
       listed = true,
       deleted_at = NULL,
       updated_at = %(now)s
  FROM unnest(%(hashes)s::text[], %(threads)s::text[], %(parents)s::text[], %(subjects)s::text[])
       AS l (message_hash, thread_hash, parent_hash, subject)
 WHERE m.list_name = %(list_name)s AND m.message_hash = l.message_hash
   AND (m.thread_hash, m.parent_hash, m.subject, m.listed, m.deleted_at)
       IS DISTINCT FROM (l.thread_hash, l.parent_hash, l.subject, true, NULL::timestamptz)
