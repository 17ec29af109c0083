-- Anomalies about [since, until) as they stood at `read_to` (NULL: as they stand), newest first: of an anomaly that went on, its newest row.
SELECT *
FROM (
    SELECT * FROM anomalies
    WHERE about_to > $since AND about_at < $until AND ($platform::VARCHAR IS NULL OR platform = $platform)
        AND ($read_to::TIMESTAMPTZ IS NULL OR found_at <= $read_to)
    QUALIFY row_number() OVER (PARTITION BY anomaly_id ORDER BY found_at DESC, about_to DESC, known_as DESC) = 1
)
WHERE $form::VARCHAR IS NULL OR form = $form
ORDER BY about_at DESC, platform, target, form
LIMIT $most
