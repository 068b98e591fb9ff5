-- Takes an advisory lock by its name unless another connection holds it; says whether that succeeded.
SELECT pg_try_advisory_lock(hashtextextended(%(name)s, 0))
