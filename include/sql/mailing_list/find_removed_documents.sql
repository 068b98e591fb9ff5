-- Which messages are no longer in any list?
SELECT m.message_hash
  FROM mailing_list.message AS m
 WHERE m.deleted_at IS NOT NULL AND m.updated_at >= %(since)s
   AND NOT EXISTS (SELECT FROM mailing_list.message AS o
                    WHERE o.message_hash = m.message_hash AND o.deleted_at IS NULL)
 GROUP BY m.message_hash
