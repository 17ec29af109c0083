-- Calls of a platform in [since, until) by steps of `step_s` seconds: how many, how many failed, how long they took.
SELECT
    to_timestamp(floor(epoch(occurred_at) / $step_s) * $step_s) AS bucket_start,
    sum(requests)::BIGINT AS requests,
    coalesce(sum(requests) FILTER (status <> 'ok'), 0)::BIGINT AS failed_requests,
    quantile_cont(latency_ms, 0.50) AS p50_ms,
    quantile_cont(latency_ms, 0.95) AS p95_ms,
    quantile_cont(latency_ms, 0.99) AS p99_ms,
    max(occurred_at) AS last_at
FROM ai_usage
WHERE occurred_at >= $since AND occurred_at < $until AND platform = $platform
GROUP BY 1
ORDER BY 1
