-- What users' calls cost in [since, until), and in the same hours of the seven days before: those whose cost differs most from the latter times `scale`.
WITH costs AS (
    SELECT source, event_id, id_hash, occurred_at >= $since AS is_now, sum(cost_usd) AS usd
    FROM cost_entries
    -- The range of both: what lies outside of it need not be read.
    WHERE occurred_at >= $since::TIMESTAMPTZ - INTERVAL 7 DAY AND occurred_at < $until
        AND (
            occurred_at >= $since
            OR (epoch(occurred_at)::BIGINT - epoch($since::TIMESTAMPTZ)::BIGINT + 86400 * 4000) % 86400 < $length_s
        )
    GROUP BY ALL
)
SELECT user_id, now_usd::DECIMAL(38, 9) AS now_usd, base_usd::DECIMAL(38, 9) AS base_usd
FROM (
    SELECT
        u.user_id, coalesce(sum(CASE WHEN c.is_now THEN c.usd END), 0) AS now_usd, coalesce(sum(CASE WHEN NOT c.is_now THEN c.usd END), 0) AS base_usd
    FROM costs AS c JOIN ai_usage AS u ON u.id_hash = c.id_hash AND u.source = c.source AND u.event_id = c.event_id
    WHERE u.platform = $platform AND u.user_id IS NOT NULL AND u.user_id <> ''
        AND u.occurred_at >= $since::TIMESTAMPTZ - INTERVAL 7 DAY AND u.occurred_at < $until
        AND ($column = '' OR CASE $column
                WHEN 'provider' THEN u.provider WHEN 'model' THEN u.model WHEN 'request_type' THEN u.request_type WHEN 'tier' THEN u.tier
                WHEN 'component' THEN u.component
            END = $value)
    GROUP BY u.user_id
)
ORDER BY abs(now_usd - base_usd * $scale) DESC, user_id
LIMIT $most
