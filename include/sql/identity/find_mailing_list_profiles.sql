-- Which profile has which sender key?
SELECT sender_key, profile_id
  FROM identity.mailing_list_profile
 WHERE sender_key = ANY(%(keys)s)
