-- Percentiles of latency in steps of $step_us microseconds from $origin, from histogram counts: whole hours from hours, the rest from minutes.
-- A bucket stands for its geometric middle, within 1 % of anything in it. The rank is ceil(q * n): a value that was seen, never an average of two.
WITH counted AS (
    SELECT greatest((epoch_us(bucket) - epoch_us($origin::TIMESTAMPTZ)) // $step_us::BIGINT, 0) AS step, latency_bucket, sum(count)::BIGINT AS count
    FROM (
        SELECT bucket, latency_bucket, count FROM latency_1h
        WHERE bucket >= $hours_since AND bucket < $hours_until AND platform = $platform
            AND ($provider IS NULL OR provider = $provider) AND ($model IS NULL OR model = $model)
        UNION ALL
        SELECT bucket, latency_bucket, count FROM latency_1m
        WHERE bucket >= $head_since AND bucket < $head_until AND platform = $platform
            AND ($provider IS NULL OR provider = $provider) AND ($model IS NULL OR model = $model)
        UNION ALL
        SELECT bucket, latency_bucket, count FROM latency_1m
        WHERE bucket >= $tail_since AND bucket < $tail_until AND platform = $platform
            AND ($provider IS NULL OR provider = $provider) AND ($model IS NULL OR model = $model)
    )
    GROUP BY ALL
), ranked AS (
    SELECT
        step, latency_bucket, sum(count) OVER (PARTITION BY step ORDER BY latency_bucket)::BIGINT AS up_to,
        sum(count) OVER (PARTITION BY step)::BIGINT AS total
    FROM counted
)
SELECT
    make_timestamptz(epoch_us($origin::TIMESTAMPTZ) + step * $step_us::BIGINT) AS "at", q.q,
    CASE WHEN min(latency_bucket) = -32768 THEN 0 ELSE pow(1.02, min(latency_bucket) - 0.5) END AS latency_ms, any_value(total) AS count
FROM ranked, (SELECT unnest($qs::DOUBLE[]) AS q) AS q
WHERE up_to >= greatest(ceil(q.q * total - 1e-9), 1)
GROUP BY step, q.q
ORDER BY step, q.q
