-- Which profile has which key?
SELECT {key}, profile_id FROM {table} WHERE {key} = ANY(%(keys)s)
