-- Calls of [since, until) by model, and how many of them took longer than the latency bucket `line`.
SELECT
    coalesce(provider, '') AS provider, coalesce(model, '') AS model, sum(count)::BIGINT AS calls,
    coalesce(sum(CASE WHEN latency_bucket > $line THEN count END), 0)::BIGINT AS slow
FROM latency_1m
WHERE platform = $platform AND bucket >= $since AND bucket < $until
GROUP BY ALL
ORDER BY slow DESC, provider, model
