-- `priced`, holding only what a new price changes about sealed buckets: the cost. Requests, tokens and latency are counted already.
CREATE OR REPLACE TEMP TABLE priced AS
SELECT
    epoch_us(u.occurred_at) // 60000000 AS minute, epoch_us(u.occurred_at) // 900000000 AS quarter, u.occurred_at,
    u.platform, u.component, u.provider, u.model, u.request_type, u.tier, u.status,
    u.feature, u.team, u.project, u.environment, u.api_key_hash, u.cost_centre, coalesce(u.user_id, '(none)') AS user_id,
    0::BIGINT AS requests, 0::BIGINT AS input_uncached_tokens, 0::BIGINT AS cache_read_tokens, 0::BIGINT AS cache_write_tokens,
    0::BIGINT AS output_tokens, 0::BIGINT AS images, 0::BIGINT AS characters, 0::DECIMAL(18, 3) AS audio_seconds,
    NULL::DOUBLE AS latency_ms, s.cost_usd, s.cost_state, false AS unpriced, false AS restated
FROM query_table($staged) AS s
JOIN ai_usage AS u ON u.id_hash = s.id_hash AND u.source = s.source AND u.event_id = s.event_id
WHERE s.occurred_at < $before AND u.occurred_at >= $low AND u.occurred_at < $before
