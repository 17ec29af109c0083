-- `priced`, as in priced_from_raw.sql, of the rows being ingested that fall before the seal.
CREATE OR REPLACE TEMP TABLE priced AS
SELECT
    epoch_us(occurred_at) // 60000000 AS minute, epoch_us(occurred_at) // 900000000 AS quarter, occurred_at,
    platform, component, provider, model, request_type, tier, status,
    feature, team, project, environment, api_key_hash, cost_centre, coalesce(user_id, '(none)') AS user_id,
    requests, input_uncached_tokens, cache_read_tokens, cache_write_tokens, output_tokens, images, characters, audio_seconds,
    CASE WHEN requests = 1 AND period_end IS NULL AND isfinite(latency_ms) THEN latency_ms END AS latency_ms,
    coalesce(cost_usd, 0::DECIMAL(18, 9)) AS cost_usd, coalesce(cost_state, 'unpriced') AS cost_state,
    coalesce(cost_state, 'unpriced') = 'unpriced' AS unpriced, false AS restated
FROM query_table($staged)
WHERE occurred_at < $before
