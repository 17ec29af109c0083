-- Readings of a platform's series by name in [since, until), rolled to steps of `step_s` seconds, per series.
SELECT
    s.component, s.name, s.labels::JSON::VARCHAR AS labels,
    to_timestamp(floor(epoch(m.bucket) / $step_s) * $step_s) AS bucket_start,
    sum(m.sum_value) / nullif(sum(m.count), 0) AS mean_value,
    arg_max(m.last_value, m.last_at) AS last_value,
    max(m.last_at) AS last_at
FROM (SELECT DISTINCT ON (series_id) series_id, component, name, labels FROM series
      WHERE platform = $platform AND list_contains($names::VARCHAR[], name)) AS s
JOIN samples_1m AS m ON m.series_id = s.series_id
WHERE m.bucket >= $since AND m.bucket < $until
GROUP BY ALL
ORDER BY ALL
