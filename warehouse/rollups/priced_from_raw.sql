-- `priced`: every raw usage row of the quarters in `wanted`, with what it cost by now. Both bounds are constants, so only their hours are read.
CREATE OR REPLACE TEMP TABLE priced AS
WITH costs AS (
    -- A re-priced event has several entries: the deltas add up, the newest says whether it is priced.
    SELECT id_hash, source, event_id, sum(cost_usd)::DECIMAL(18, 9) AS cost_usd, arg_max(cost_state, revision) AS cost_state,
        bool_or(reason = 'reprice') AS restated
    FROM cost_entries
    WHERE occurred_at >= $low AND occurred_at < $high
    GROUP BY ALL
)
SELECT
    epoch_us(u.occurred_at) // 60000000 AS minute, epoch_us(u.occurred_at) // 900000000 AS quarter, u.occurred_at,
    u.platform, u.component, u.provider, u.model, u.request_type, u.tier, u.status,
    u.feature, u.team, u.project, u.environment, u.api_key_hash, u.cost_centre, coalesce(u.user_id, '(none)') AS user_id,
    u.requests, u.input_uncached_tokens, u.cache_read_tokens, u.cache_write_tokens, u.output_tokens, u.images, u.characters, u.audio_seconds,
    -- The latency of a pre-aggregated row is a mean at best: it has no place in a distribution.
    CASE WHEN u.requests = 1 AND u.period_end IS NULL AND isfinite(u.latency_ms) THEN u.latency_ms END AS latency_ms,
    coalesce(c.cost_usd, 0::DECIMAL(18, 9)) AS cost_usd, coalesce(c.cost_state, 'unpriced') AS cost_state,
    coalesce(c.cost_state, 'unpriced') = 'unpriced' AS unpriced, coalesce(c.restated, false) AS restated
FROM ai_usage AS u
LEFT JOIN costs AS c ON c.id_hash = u.id_hash AND c.source = u.source AND c.event_id = u.event_id
WHERE u.occurred_at >= $low AND u.occurred_at < $high
    AND epoch_us(u.occurred_at) // 900000000 IN (SELECT quarter FROM wanted)
