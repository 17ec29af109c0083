-- What a platform's calls cost in [since, until), and in the same hours of the days of [base_since, base_until), by everything an anomaly or a
-- mover may be caused by. `length_s`: how much of each base day counts, from the time of day of `since`; 86400 and more: all of it.
SELECT
    coalesce(nullif(provider, ''), '') AS provider, coalesce(nullif(model, ''), '') AS model, coalesce(nullif(request_type, ''), '') AS request_type,
    coalesce(nullif(tier, ''), '') AS tier, coalesce(nullif(component, ''), '') AS component,
    coalesce(sum(CASE WHEN bucket >= $since THEN cost_usd END), 0)::DECIMAL(38, 9) AS cost_usd,
    coalesce(sum(CASE WHEN bucket >= $since THEN requests END), 0)::BIGINT AS requests,
    coalesce(sum(CASE WHEN bucket < $base_until THEN cost_usd END), 0)::DECIMAL(38, 9) AS base_usd,
    coalesce(sum(CASE WHEN bucket < $base_until THEN requests END), 0)::BIGINT AS base_requests
FROM usage_15m
WHERE platform = $platform
    AND (
        (bucket >= $since AND bucket < $until)
        OR (
            bucket >= $base_since AND bucket < $base_until
            AND (epoch(bucket)::BIGINT - epoch($since::TIMESTAMPTZ)::BIGINT + 86400 * 4000) % 86400 < $length_s
        )
    )
GROUP BY ALL
ORDER BY ALL
