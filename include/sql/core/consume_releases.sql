-- Records that a consumer handled releases.
INSERT INTO core.release_consumption (consumer, version, consumed_at)
SELECT %(consumer)s, unnest(%(versions)s::text[]), %(now)s
    ON CONFLICT (consumer, version) DO NOTHING
