-- Calls of a platform in [since, until) as one row: the last five minutes, and the newest call.
SELECT
    coalesce(sum(requests), 0)::BIGINT AS requests,
    coalesce(sum(requests) FILTER (status <> 'ok'), 0)::BIGINT AS failed_requests,
    quantile_cont(latency_ms, 0.50) AS p50_ms,
    quantile_cont(latency_ms, 0.95) AS p95_ms,
    quantile_cont(latency_ms, 0.99) AS p99_ms,
    count(latency_ms)::BIGINT AS timed,
    max(occurred_at) AS last_at
FROM ai_usage
WHERE occurred_at >= $since AND occurred_at < $until AND platform = $platform
