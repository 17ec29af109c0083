-- How many calls fell in each latency bucket in [since, until): by the minute and, where minutes are gone, by the hour.
WITH begun AS (
    SELECT coalesce(min(bucket), $until::TIMESTAMPTZ) AS first_at FROM latency_1m WHERE platform = $platform AND bucket >= $since::TIMESTAMPTZ
)
SELECT bucket, latency_bucket, count, false AS is_hour
FROM latency_1m
WHERE platform = $platform AND bucket >= $since::TIMESTAMPTZ AND bucket < $until::TIMESTAMPTZ
  AND ($provider::VARCHAR IS NULL OR provider = $provider) AND ($model::VARCHAR IS NULL OR model = $model)
UNION ALL
SELECT bucket, latency_bucket, count, true AS is_hour
FROM latency_1h
WHERE platform = $platform AND bucket >= $since::TIMESTAMPTZ AND bucket < $until::TIMESTAMPTZ AND bucket + INTERVAL 1 HOUR <= (SELECT first_at FROM begun)
  AND ($provider::VARCHAR IS NULL OR provider = $provider) AND ($model::VARCHAR IS NULL OR model = $model)
ORDER BY bucket
