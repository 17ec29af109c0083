-- From when to when there is any usage.
SELECT min(bucket) AS first_at, max(last_at) AS last_at, coalesce(sum(requests), 0)::BIGINT AS requests
FROM usage_15m
WHERE $platform::VARCHAR IS NULL OR platform = $platform
