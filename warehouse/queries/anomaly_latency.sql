-- The 95th percentile of latency in each step of $step_s seconds, in all and by model, of steps with at least $fewest calls. A bucket stands for its
-- geometric middle.
WITH counted AS (
    SELECT
        to_timestamp(floor(epoch(bucket) / $step_s) * $step_s) AS "at", coalesce(model, '') AS model, latency_bucket, sum(count)::BIGINT AS count
    FROM latency_1m
    WHERE platform = $platform AND bucket >= $since AND bucket < $until
    GROUP BY ALL
), named AS (
    SELECT "at", 'model' AS dimension, model AS value, latency_bucket, count FROM counted WHERE model <> ''
    UNION ALL
    SELECT "at", '' AS dimension, '' AS value, latency_bucket, sum(count)::BIGINT AS count FROM counted GROUP BY ALL
), ranked AS (
    SELECT
        "at", dimension, value, latency_bucket, sum(count) OVER (PARTITION BY dimension, value, "at" ORDER BY latency_bucket)::BIGINT AS up_to,
        sum(count) OVER (PARTITION BY dimension, value, "at")::BIGINT AS total
    FROM named
)
SELECT "at", dimension, value, CASE WHEN min(latency_bucket) = -32768 THEN 0 ELSE pow(1.02, min(latency_bucket) - 0.5) END AS reading
FROM ranked
WHERE total >= $fewest AND up_to >= greatest(ceil(0.95 * total - 1e-9), 1)
GROUP BY ALL
ORDER BY dimension, value, "at"
