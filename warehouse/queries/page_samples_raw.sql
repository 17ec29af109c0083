-- Readings of a platform's series by name in [since, until) as they came, in steps of `step_s` seconds, per series. Stale markers and what is
-- not finite draw nothing.
SELECT
    s.component, s.name, s.labels::JSON::VARCHAR AS labels,
    to_timestamp(floor(epoch(m.observed_at) / $step_s) * $step_s) AS bucket_start,
    avg(m.value) AS mean_value,
    arg_max(m.value, m.observed_at) AS last_value,
    max(m.observed_at) AS last_at
FROM (SELECT DISTINCT ON (series_id) series_id, component, name, labels FROM series
      WHERE platform = $platform AND list_contains($names::VARCHAR[], name)) AS s
JOIN samples AS m ON m.series_id = s.series_id
WHERE m.observed_at >= $since::TIMESTAMPTZ AND m.observed_at < $until::TIMESTAMPTZ AND m.value IS NOT NULL AND isfinite(m.value)
GROUP BY ALL
ORDER BY ALL
