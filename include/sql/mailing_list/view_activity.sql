-- Who wrote what to which list, and when? One row per post that is still in the archive, without addresses.
CREATE VIEW mailing_list.activity AS
SELECT 'mailing_list' AS source_system,
       m.list_name || '/' || m.message_hash AS external_id,
       m.sent_at AS occurred_at,
       'mailing_list.message' AS activity_type,
       md5(p.sender_key) AS actor_external_id,
       nullif(m.url, '') AS source_url,
       left(regexp_replace(regexp_replace(m.subject, '\s+', ' ', 'g'), '[\w.+-]+@[\w-]+\.[\w.-]+', '***', 'g'), 200)
           AS summary,
       m.mailing_list_profile_id AS profile_id,
       m.list_name AS place
  FROM mailing_list.message AS m
  JOIN identity.mailing_list_profile AS p ON p.profile_id = m.mailing_list_profile_id
 WHERE m.deleted_at IS NULL
