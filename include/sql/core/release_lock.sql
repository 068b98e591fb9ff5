-- Releases an advisory lock of this connection.
SELECT pg_advisory_unlock(hashtextextended(%(name)s, 0))
