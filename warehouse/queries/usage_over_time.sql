-- The same in steps of $step_us microseconds (a multiple of 900) from $since. Steps without a row had no usage.
SELECT
    make_timestamptz(epoch_us($since::TIMESTAMPTZ) + (epoch_us(bucket) - epoch_us($since::TIMESTAMPTZ)) // $step_us::BIGINT * $step_us::BIGINT) AS "at",
    CASE $by
        WHEN 'platform' THEN platform WHEN 'provider' THEN provider WHEN 'model' THEN model WHEN 'request_type' THEN request_type
        WHEN 'tier' THEN tier WHEN 'component' THEN component WHEN 'status' THEN status
    END AS label,
    sum(requests)::BIGINT AS requests, sum(input_uncached_tokens)::BIGINT AS input_uncached_tokens, sum(cache_read_tokens)::BIGINT AS cache_read_tokens,
    sum(cache_write_tokens)::BIGINT AS cache_write_tokens, sum(output_tokens)::BIGINT AS output_tokens, sum(images)::BIGINT AS images,
    sum(characters)::BIGINT AS characters, sum(audio_seconds)::DECIMAL(18, 3) AS audio_seconds, sum(cost_usd)::DECIMAL(18, 9) AS cost_usd,
    sum(unpriced_requests)::BIGINT AS unpriced_requests, sum(unpriced_tokens)::BIGINT AS unpriced_tokens,
    CASE WHEN sum(latency_count) > 0 THEN sum(latency_ms_sum) / sum(latency_count) END AS mean_latency_ms, max(last_at) AS last_at
FROM usage_15m
WHERE bucket >= $since AND bucket < $until AND ($platform IS NULL OR platform = $platform)
GROUP BY "at", label
ORDER BY "at", label NULLS LAST
