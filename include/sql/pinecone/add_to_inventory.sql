-- Adds ids that one of the indexes listed.
INSERT INTO pg_temp.inventory AS i (record_id, dense, sparse)
SELECT DISTINCT u.record_id, %(kind)s::text = 'dense', %(kind)s::text = 'sparse'
  FROM unnest(%(ids)s::text[]) AS u (record_id)
    ON CONFLICT (record_id) DO UPDATE SET dense = i.dense OR excluded.dense, sparse = i.sparse OR excluded.sparse
