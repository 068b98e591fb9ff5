-- What time is it by the database's own clock?
SELECT clock_timestamp()
