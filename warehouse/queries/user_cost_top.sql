-- The users of a platform who cost most in [since, until), by pseudonym; calls without a user are one line.
WITH costs AS (
    SELECT id_hash, source, event_id, sum(cost_usd)::DECIMAL(18, 9) AS cost_usd, arg_max(cost_state, revision) AS cost_state
    FROM cost_entries
    WHERE occurred_at >= $since AND occurred_at < $until
    GROUP BY id_hash, source, event_id
)
SELECT u.user_id, arg_max(u.tier, u.occurred_at) AS tier, sum(u.requests)::BIGINT AS requests,
    coalesce(sum(c.cost_usd), 0)::DECIMAL(38, 9) AS cost_usd,
    coalesce(sum(u.requests) FILTER (coalesce(c.cost_state, 'unpriced') = 'unpriced'), 0)::BIGINT AS unpriced_requests
FROM ai_usage AS u
LEFT JOIN costs AS c ON c.id_hash = u.id_hash AND c.source = u.source AND c.event_id = u.event_id
WHERE u.platform = $platform AND u.occurred_at >= $since AND u.occurred_at < $until
GROUP BY u.user_id
ORDER BY cost_usd DESC, requests DESC, u.user_id
LIMIT $most
