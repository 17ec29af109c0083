-- The same for one range as a whole: grouped by the histogram's bucket alone, which takes a third of the time.
WITH counted AS (
    SELECT latency_bucket, sum(count)::BIGINT AS count
    FROM (
        SELECT latency_bucket, count FROM latency_1h
        WHERE bucket >= $hours_since AND bucket < $hours_until AND platform = $platform
            AND ($provider IS NULL OR provider = $provider) AND ($model IS NULL OR model = $model)
        UNION ALL
        SELECT latency_bucket, count FROM latency_1m
        WHERE bucket >= $head_since AND bucket < $head_until AND platform = $platform
            AND ($provider IS NULL OR provider = $provider) AND ($model IS NULL OR model = $model)
        UNION ALL
        SELECT latency_bucket, count FROM latency_1m
        WHERE bucket >= $tail_since AND bucket < $tail_until AND platform = $platform
            AND ($provider IS NULL OR provider = $provider) AND ($model IS NULL OR model = $model)
    )
    GROUP BY latency_bucket
), ranked AS (
    SELECT latency_bucket, sum(count) OVER (ORDER BY latency_bucket)::BIGINT AS up_to, sum(count) OVER ()::BIGINT AS total FROM counted
)
SELECT
    $origin::TIMESTAMPTZ AS "at", q.q,
    CASE WHEN min(latency_bucket) = -32768 THEN 0 ELSE pow(1.02, min(latency_bucket) - 0.5) END AS latency_ms, any_value(total) AS count
FROM ranked, (SELECT unnest($qs::DOUBLE[]) AS q) AS q
WHERE up_to >= greatest(ceil(q.q * total - 1e-9), 1)
GROUP BY q.q
ORDER BY q.q
