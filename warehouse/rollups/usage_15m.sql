INSERT INTO usage_15m BY NAME
SELECT
    make_timestamptz(quarter * 900000000) AS bucket, platform, component, provider, model, request_type, tier, status,
    feature, team, project, environment, api_key_hash, cost_centre,
    sum(requests)::BIGINT AS requests,
    sum(input_uncached_tokens)::BIGINT AS input_uncached_tokens, sum(cache_read_tokens)::BIGINT AS cache_read_tokens,
    sum(cache_write_tokens)::BIGINT AS cache_write_tokens, sum(output_tokens)::BIGINT AS output_tokens,
    sum(images)::BIGINT AS images, sum(characters)::BIGINT AS characters, sum(audio_seconds)::DECIMAL(18, 3) AS audio_seconds,
    sum(cost_usd)::DECIMAL(18, 9) AS cost_usd,
    coalesce(sum(requests) FILTER (unpriced), 0)::BIGINT AS unpriced_requests,
    coalesce(sum(input_uncached_tokens + cache_read_tokens + cache_write_tokens + output_tokens) FILTER (unpriced), 0)::BIGINT AS unpriced_tokens,
    coalesce(sum(cost_usd) FILTER (cost_state = 'reported'), 0)::DECIMAL(18, 9) AS reported_usd,
    coalesce(sum(cost_usd) FILTER (cost_state = 'estimated'), 0)::DECIMAL(18, 9) AS estimated_usd,
    coalesce(sum(requests) FILTER (restated), 0)::BIGINT AS restated_requests,
    coalesce(sum(latency_ms), 0) AS latency_ms_sum, count(latency_ms) AS latency_count, max(occurred_at) AS last_at
FROM priced
WHERE quarter IN (SELECT quarter FROM todo)
GROUP BY quarter, platform, component, provider, model, request_type, tier, status, feature, team, project, environment, api_key_hash, cost_centre
