-- How many messages of a list are stored?
SELECT count(*)
  FROM mailing_list.message
 WHERE list_name = %(list_name)s AND deleted_at IS NULL
