-- AI calls of a platform around each of `ats`, one row a deploy and side: in [firsts[i], ats[i]) before it, in [ats[i], lasts[i]) after it. `p99_low_ms`
-- and `p99_high_ms` are the order statistics that hold the 99th percentile 95 times in 100 (ranks n p ± z sqrt(n p (1 - p))); high is NULL where
-- the rank lies beyond the slowest call; both where a row stands for several requests, of which one latency tells little. The cost is of priced calls
-- alone: their rows' variance, that of their requests, and how both go together.
WITH marks AS (
    SELECT unnest($ats::TIMESTAMPTZ[]) AS deployed_at, unnest($firsts::TIMESTAMPTZ[]) AS first, unnest($lasts::TIMESTAMPTZ[]) AS last
),
calls AS (
    SELECT m.deployed_at, u.occurred_at >= m.deployed_at AS is_after, u.requests, u.status, u.latency_ms, u.source, u.event_id, u.id_hash, u.occurred_at
    FROM ai_usage u
    JOIN marks m ON u.occurred_at >= m.first AND u.occurred_at < m.last
    WHERE u.platform = $platform AND u.occurred_at >= $since AND u.occurred_at < $until
),
costs AS (
    SELECT id_hash, occurred_at, source, event_id, sum(cost_usd) AS cost_usd
    FROM cost_entries
    WHERE occurred_at >= $since AND occurred_at < $until AND cost_state <> 'unpriced'
    GROUP BY ALL
),
sides AS (
    SELECT
        c.deployed_at, c.is_after,
        sum(c.requests)::BIGINT AS requests,
        coalesce(sum(c.requests) FILTER (c.status <> 'ok'), 0)::BIGINT AS failed_requests,
        list_sort(list(c.latency_ms) FILTER (c.latency_ms IS NOT NULL)) AS latencies,
        quantile_cont(c.latency_ms, 0.99) AS p99_ms,
        sum(k.cost_usd) AS cost_usd,
        coalesce(sum(c.requests) FILTER (k.cost_usd IS NOT NULL), 0)::BIGINT AS priced_requests,
        count(k.cost_usd)::BIGINT AS priced_calls,
        var_samp(k.cost_usd::DOUBLE) AS cost_var,
        var_samp(c.requests) FILTER (k.cost_usd IS NOT NULL) AS requests_var,
        covar_samp(k.cost_usd::DOUBLE, c.requests) AS cost_requests_covar,
        coalesce(max(c.requests) FILTER (c.latency_ms IS NOT NULL), 1) = 1 AS timed_alone,
        sum(c.requests::DOUBLE * c.requests) AS requests_squared
    FROM calls c
    LEFT JOIN costs k ON k.id_hash = c.id_hash AND k.occurred_at = c.occurred_at AND k.source = c.source AND k.event_id = c.event_id
    GROUP BY c.deployed_at, c.is_after
),
ranked AS (
    SELECT *, coalesce(len(latencies), 0) AS n, 1.959963984540054 * sqrt(coalesce(len(latencies), 0) * 0.99 * 0.01) AS half
    FROM sides
)
SELECT
    deployed_at, is_after, requests, failed_requests, p99_ms, cost_usd, priced_requests, priced_calls, cost_var, requests_var, cost_requests_covar,
    requests_squared, n::BIGINT AS timed,
    CASE WHEN n > 0 AND timed_alone THEN latencies[greatest(1, floor(n * 0.99 - half)::BIGINT)] END AS p99_low_ms,
    CASE WHEN ceil(n * 0.99 + half) + 1 <= n AND timed_alone THEN latencies[(ceil(n * 0.99 + half) + 1)::BIGINT] END AS p99_high_ms
FROM ranked
ORDER BY deployed_at, is_after
