-- How far the AI cost in [since, until) can be trusted: what has no price, what was priced again, what others said it cost or was estimated.
SELECT coalesce(sum(requests), 0)::BIGINT AS requests,
    coalesce(sum(unpriced_requests), 0)::BIGINT AS unpriced_requests, coalesce(sum(unpriced_tokens), 0)::BIGINT AS unpriced_tokens,
    coalesce(sum(restated_requests), 0)::BIGINT AS restated_requests,
    coalesce(sum(reported_usd), 0)::DECIMAL(38, 9) AS reported_usd, coalesce(sum(estimated_usd), 0)::DECIMAL(38, 9) AS estimated_usd,
    max(last_at) AS last_at
FROM usage_15m
WHERE platform = $platform AND bucket >= $since AND bucket < $until
