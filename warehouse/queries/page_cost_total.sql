-- Usage and cost in [since, until), in one row.
SELECT
    coalesce(sum(requests), 0)::BIGINT AS requests,
    coalesce(sum(cost_usd), 0)::DECIMAL(38, 9) AS cost_usd,
    coalesce(sum(unpriced_requests), 0)::BIGINT AS unpriced_requests,
    coalesce(sum(unpriced_tokens), 0)::BIGINT AS unpriced_tokens,
    max(last_at) AS last_at
FROM usage_15m
WHERE bucket >= $since AND bucket < $until AND ($platform::VARCHAR IS NULL OR platform = $platform)
