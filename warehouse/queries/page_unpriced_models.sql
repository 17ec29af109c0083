-- Models in use of which some call has no price: how many calls and tokens, since when and until when, and whether any price of theirs is known.
SELECT
    platform, coalesce(provider, '') AS provider, coalesce(model, '') AS model,
    sum(unpriced_requests)::BIGINT AS unpriced_requests,
    sum(unpriced_tokens)::BIGINT AS unpriced_tokens,
    sum(requests)::BIGINT AS requests,
    min(bucket) FILTER (WHERE unpriced_requests > 0) AS unpriced_since,
    max(last_at) FILTER (WHERE unpriced_requests > 0) AS last_at,
    EXISTS (
        SELECT 1 FROM rates
        WHERE rates.provider = usage_15m.provider AND rates.model = usage_15m.model AND rates.platform IN ('', usage_15m.platform)
    ) AS has_prices
FROM usage_15m
WHERE $platform::VARCHAR IS NULL OR platform = $platform
GROUP BY ALL
HAVING sum(unpriced_requests) > 0
ORDER BY unpriced_tokens DESC, unpriced_requests DESC, platform, provider, model
