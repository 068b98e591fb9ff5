-- Which messages does the vector index need: all, or those that changed or are to be tried again?
-- A post to several lists is one document, with subject and text of its copy in the first list by name.
WITH page AS (
    SELECT DISTINCT m.message_hash
      FROM mailing_list.message AS m
     WHERE m.message_hash > %(after)s
       AND (%(since)s::timestamptz IS NULL
            OR m.updated_at >= %(since)s
            OR m.message_hash = ANY(%(failed)s)
            OR m.mailing_list_profile_id = ANY(ARRAY(SELECT p.profile_id
                                                       FROM identity.mailing_list_profile AS p
                                                      WHERE p.renamed_at >= %(since)s)))
       AND EXISTS (SELECT FROM mailing_list.message AS o
                    WHERE o.message_hash = m.message_hash AND o.message_hash > %(after)s AND o.deleted_at IS NULL)
     ORDER BY 1
     LIMIT %(limit)s
)
SELECT DISTINCT ON (page.message_hash)
       m.message_hash, m.thread_hash, m.parent_hash, m.subject, m.content, m.sent_at, m.url,
       p.display_name AS author,
       array_agg(m.list_name) OVER (PARTITION BY page.message_hash
                                    ORDER BY m.list_name COLLATE "C"
                                    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS list_names
  FROM page
  JOIN mailing_list.message AS m ON m.message_hash = page.message_hash
  JOIN identity.mailing_list_profile AS p ON p.profile_id = m.mailing_list_profile_id
 WHERE m.deleted_at IS NULL
 ORDER BY page.message_hash, m.list_name COLLATE "C"
