-- The latency bucket below which `share` of the calls fall, from histograms of minutes.
WITH counted AS (
    SELECT latency_bucket, sum(count) AS calls
    FROM latency_1m
    WHERE platform = $platform AND bucket >= $since::TIMESTAMPTZ AND bucket < $until::TIMESTAMPTZ
      AND ($provider::VARCHAR IS NULL OR provider = $provider) AND ($model::VARCHAR IS NULL OR model = $model)
    GROUP BY latency_bucket
), summed AS (
    SELECT latency_bucket, sum(calls) OVER (ORDER BY latency_bucket) AS below, sum(calls) OVER () AS total FROM counted
)
SELECT min(latency_bucket) FILTER (below >= $share * total) AS latency_bucket FROM summed
