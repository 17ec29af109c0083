-- Every row of the anomalies of some platforms about [since, until] that had been found by `read_to`, as they came.
SELECT anomaly_id, platform, target, form, unit, about_at, about_to, value, expected, p_value, known_as, causes, found_at
FROM anomalies
WHERE list_contains($platforms::VARCHAR[], platform) AND about_to >= $since AND about_at <= $until AND found_at <= $read_to
ORDER BY found_at, about_to, known_as, anomaly_id
