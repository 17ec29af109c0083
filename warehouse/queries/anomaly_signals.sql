-- The mean reading in each step of $step_s seconds of a platform's series of these names.
SELECT
    to_timestamp(floor(epoch(m.bucket) / $step_s) * $step_s) AS "at", s.component AS dimension, s.name || s.labels::JSON::VARCHAR AS value,
    s.name, s.labels::JSON::VARCHAR AS labels, sum(m.sum_value) / nullif(sum(m.count), 0) AS reading
FROM (SELECT DISTINCT ON (series_id) series_id, component, name, labels FROM series
      WHERE platform = $platform AND list_contains($names::VARCHAR[], name)) AS s
JOIN samples_1m AS m ON m.series_id = s.series_id
WHERE m.bucket >= $since AND m.bucket < $until
GROUP BY ALL
ORDER BY dimension, value, "at"
