-- The latency bucket below which `share` of a local day's calls fall.
WITH days AS (
    SELECT unnest($starts::TIMESTAMPTZ[]) AS start_at
), counted AS (
    SELECT days.start_at, latency_bucket, sum(count) AS calls
    FROM latency_1h ASOF JOIN days ON latency_1h.bucket >= days.start_at
    WHERE platform = $platform AND bucket >= $since::TIMESTAMPTZ AND bucket < $until::TIMESTAMPTZ
      AND ($provider::VARCHAR IS NULL OR provider = $provider) AND ($model::VARCHAR IS NULL OR model = $model)
    GROUP BY days.start_at, latency_bucket
), summed AS (
    SELECT
        start_at, latency_bucket, sum(calls) OVER (PARTITION BY start_at ORDER BY latency_bucket) AS below,
        sum(calls) OVER (PARTITION BY start_at) AS total
    FROM counted
)
SELECT start_at, min(latency_bucket) FILTER (below >= $share * total) AS latency_bucket
FROM summed
GROUP BY start_at
ORDER BY start_at
