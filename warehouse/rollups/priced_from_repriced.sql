-- `priced`, holding only what new revisions change about sealed buckets: each event twice, taken away as it was and added as it is, so that
-- cost, states and counts of what has no price all come out. Requests, tokens and latency are counted already.
CREATE OR REPLACE TEMP TABLE priced AS
WITH costs AS (
    SELECT c.id_hash, c.source, c.event_id,
        sum(c.cost_usd)::DECIMAL(18, 9) AS new_usd, arg_max(c.cost_state, c.revision) AS new_state,
        coalesce(bool_or(c.reason = 'reprice'), false) AS now_restated,
        coalesce(sum(c.cost_usd) FILTER (c.revision < s.revision), 0)::DECIMAL(18, 9) AS old_usd,
        arg_max(c.cost_state, c.revision) FILTER (c.revision < s.revision) AS old_state,
        coalesce(bool_or(c.reason = 'reprice') FILTER (c.revision < s.revision), false) AS was_restated
    FROM query_table($staged) AS s
    JOIN cost_entries AS c ON c.id_hash = s.id_hash AND c.source = s.source AND c.event_id = s.event_id AND c.revision <= s.revision
    WHERE s.occurred_at < $before AND c.occurred_at >= $low AND c.occurred_at < $before
    GROUP BY ALL
),
sides AS (
    SELECT id_hash, source, event_id, 1 AS side, new_usd AS cost_usd, new_state AS cost_state, now_restated AS restated FROM costs
    UNION ALL
    SELECT id_hash, source, event_id, -1 AS side, -old_usd AS cost_usd, old_state AS cost_state, was_restated AS restated FROM costs
)
SELECT
    epoch_us(u.occurred_at) // 60000000 AS minute, epoch_us(u.occurred_at) // 900000000 AS quarter, u.occurred_at,
    u.platform, u.component, u.provider, u.model, u.request_type, u.tier, u.status,
    u.feature, u.team, u.project, u.environment, u.api_key_hash, u.cost_centre, coalesce(u.user_id, '(none)') AS user_id,
    s.side * u.requests AS requests, s.side * u.input_uncached_tokens AS input_uncached_tokens,
    s.side * u.cache_read_tokens AS cache_read_tokens, s.side * u.cache_write_tokens AS cache_write_tokens,
    s.side * u.output_tokens AS output_tokens, s.side * u.images AS images, s.side * u.characters AS characters,
    (s.side * u.audio_seconds)::DECIMAL(18, 3) AS audio_seconds, NULL::DOUBLE AS latency_ms,
    s.cost_usd::DECIMAL(18, 9) AS cost_usd, coalesce(s.cost_state, 'unpriced') AS cost_state,
    coalesce(s.cost_state, 'unpriced') = 'unpriced' AS unpriced, s.restated
FROM sides AS s
JOIN ai_usage AS u ON u.id_hash = s.id_hash AND u.source = s.source AND u.event_id = s.event_id
WHERE u.occurred_at >= $low AND u.occurred_at < $before
