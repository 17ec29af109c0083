-- What given providers cost in each quarter hour from an instant on, by platform.
SELECT bucket AS step_at, provider, platform, sum(cost_usd)::DECIMAL(18, 9) AS cost_usd,
    sum(unpriced_requests)::BIGINT AS unpriced_requests, max(last_at) AS last_at
FROM usage_15m
WHERE bucket >= $since::TIMESTAMPTZ AND bucket < $until::TIMESTAMPTZ AND list_contains($providers::VARCHAR[], provider)
GROUP BY bucket, provider, platform
HAVING sum(cost_usd) <> 0 OR sum(unpriced_requests) > 0
ORDER BY bucket, platform, provider
