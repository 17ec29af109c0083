-- The calls in [low, until) of a platform, of one user if given, by quarter hour and what a cost report splits by. `in_period` is from $since on, `late`
-- from $middle on. Without a user, calls that made images still say whose they are: free images are counted by user and day. Costs below zero
-- are credits, and stand apart.
WITH calls AS (
    SELECT * FROM ai_usage
    WHERE platform = $platform AND occurred_at >= $low AND occurred_at < $until AND ($user::VARCHAR IS NULL OR user_id = $user)
),
costs AS (
    SELECT id_hash, source, event_id, sum(cost_usd)::DECIMAL(18, 9) AS cost_usd, arg_max(cost_state, revision) AS cost_state
    FROM cost_entries
    WHERE occurred_at >= $low AND occurred_at < $until AND id_hash IN (SELECT id_hash FROM calls)
    GROUP BY id_hash, source, event_id
)
SELECT
    make_timestamptz(epoch_us(u.occurred_at) // 900000000 * 900000000) AS bucket, u.occurred_at >= $since AS in_period, u.occurred_at >= $middle AS late,
    u.component, u.provider, u.model, u.request_type, u.tier, u.status, u.urgency,
    CASE WHEN $user::VARCHAR IS NOT NULL OR u.images > 0 THEN u.user_id END AS user_id,
    sum(u.requests)::BIGINT AS requests,
    sum(u.input_uncached_tokens + u.cache_read_tokens + u.cache_write_tokens + u.output_tokens)::BIGINT AS tokens,
    sum(u.input_uncached_tokens)::BIGINT AS input_uncached_tokens, sum(u.cache_read_tokens)::BIGINT AS cache_read_tokens,
    sum(u.images)::BIGINT AS images, sum(u.characters)::BIGINT AS characters, sum(u.audio_seconds)::DECIMAL(38, 3) AS audio_seconds,
    coalesce(sum(c.cost_usd) FILTER (c.cost_usd > 0), 0)::DECIMAL(38, 9) AS usage_usd,
    coalesce(sum(c.cost_usd) FILTER (c.cost_usd < 0), 0)::DECIMAL(38, 9) AS credits_usd,
    coalesce(sum(u.requests) FILTER (coalesce(c.cost_state, 'unpriced') = 'unpriced'), 0)::BIGINT AS unpriced_requests,
    coalesce(sum(u.input_uncached_tokens + u.cache_read_tokens + u.cache_write_tokens + u.output_tokens)
        FILTER (coalesce(c.cost_state, 'unpriced') = 'unpriced'), 0)::BIGINT AS unpriced_tokens,
    coalesce(sum(u.images) FILTER (coalesce(c.cost_state, 'unpriced') = 'unpriced'), 0)::BIGINT AS unpriced_images,
    max(u.occurred_at) AS last_at
FROM calls AS u
LEFT JOIN costs AS c ON c.id_hash = u.id_hash AND c.source = u.source AND c.event_id = u.event_id
GROUP BY ALL
ORDER BY bucket, u.provider, u.model, u.request_type, u.status, u.urgency
