-- Usage and cost in [since, until) by one dimension, dearest first, and last the total of it all (`is_total`). `label` is NULL where the dimension
-- was not given: parts add up to the total.
WITH asked AS (
    SELECT *,
        CASE $by
            WHEN 'platform' THEN platform WHEN 'provider' THEN provider WHEN 'model' THEN model WHEN 'request_type' THEN request_type
            WHEN 'tier' THEN tier WHEN 'component' THEN component WHEN 'status' THEN status
        END AS label
    FROM usage_15m
    WHERE bucket >= $since AND bucket < $until AND ($platform IS NULL OR platform = $platform)
)
SELECT
    label, grouping(label) = 1 AS is_total,
    coalesce(sum(requests), 0)::BIGINT AS requests,
    coalesce(sum(input_uncached_tokens), 0)::BIGINT AS input_uncached_tokens, coalesce(sum(cache_read_tokens), 0)::BIGINT AS cache_read_tokens,
    coalesce(sum(cache_write_tokens), 0)::BIGINT AS cache_write_tokens, coalesce(sum(output_tokens), 0)::BIGINT AS output_tokens,
    coalesce(sum(images), 0)::BIGINT AS images, coalesce(sum(characters), 0)::BIGINT AS characters,
    coalesce(sum(audio_seconds), 0)::DECIMAL(18, 3) AS audio_seconds, coalesce(sum(cost_usd), 0)::DECIMAL(18, 9) AS cost_usd,
    coalesce(sum(unpriced_requests), 0)::BIGINT AS unpriced_requests, coalesce(sum(unpriced_tokens), 0)::BIGINT AS unpriced_tokens,
    CASE WHEN sum(latency_count) > 0 THEN sum(latency_ms_sum) / sum(latency_count) END AS mean_latency_ms, max(last_at) AS last_at
FROM asked
GROUP BY GROUPING SETS ((label), ())
ORDER BY is_total, cost_usd DESC, requests DESC, label NULLS LAST
