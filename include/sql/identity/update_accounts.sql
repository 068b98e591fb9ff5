-- Stores the values that were seen later than the stored ones.
UPDATE {table} AS p
   SET {assignments},
       as_of = p.as_of || jsonb_strip_nulls(jsonb_build_object({times})),
       renamed_at = CASE WHEN {renamed} THEN %(now)s ELSE p.renamed_at END
  FROM jsonb_populate_recordset(NULL::{table}, %(newest)s) AS w
 WHERE p.profile_id = w.profile_id AND ({newer})
