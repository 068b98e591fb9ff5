-- Which of these messages are in no list?
SELECT f.message_hash
  FROM unnest(%(failed)s::text[]) AS f (message_hash)
 WHERE NOT EXISTS (SELECT FROM mailing_list.message AS m
                    WHERE m.message_hash = f.message_hash AND m.deleted_at IS NULL)
