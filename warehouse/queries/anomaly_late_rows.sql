-- Of the calls of [since, until) of a platform, and of the same hours of the seven days before: how many came in more than $late_s seconds late.
SELECT
    coalesce(sum(CASE WHEN occurred_at >= $since THEN requests END), 0)::BIGINT AS calls,
    coalesce(sum(CASE WHEN occurred_at >= $since AND late THEN requests END), 0)::BIGINT AS late_calls,
    coalesce(sum(CASE WHEN occurred_at < $since THEN requests END), 0)::BIGINT AS base_calls,
    coalesce(sum(CASE WHEN occurred_at < $since AND late THEN requests END), 0)::BIGINT AS late_base_calls,
    max(CASE WHEN occurred_at >= $since AND late THEN ingested_at END) AS came_at
FROM (
    SELECT occurred_at, requests, ingested_at, epoch(ingested_at) - epoch(occurred_at) > $late_s AS late
    FROM ai_usage
    WHERE platform = $platform
        -- The range of both: what lies outside of it need not be read.
        AND occurred_at >= $since::TIMESTAMPTZ - INTERVAL 7 DAY AND occurred_at < $until
        AND (
            occurred_at >= $since
            OR (epoch(occurred_at)::BIGINT - epoch($since::TIMESTAMPTZ)::BIGINT + 86400 * 4000) % 86400 < $length_s
        )
)
