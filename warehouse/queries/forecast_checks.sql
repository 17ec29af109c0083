-- In how many hours of each local day checks of these components answered, and since when they are known.
WITH days AS (
    SELECT unnest($starts::TIMESTAMPTZ[]) AS start_at
), hours AS (
    SELECT DISTINCT date_trunc('hour', observed_at) AS hour
    FROM health_checks
    WHERE platform = $platform AND list_contains($components::VARCHAR[], component) AND status <> 'unknown'
      AND ($checks::VARCHAR[] IS NULL OR list_contains($checks::VARCHAR[], check_name))
      AND observed_at >= $since::TIMESTAMPTZ AND observed_at < $until::TIMESTAMPTZ
)
SELECT days.start_at, count(*)::BIGINT AS hours, min(hour) AS first_at
FROM hours ASOF JOIN days ON hours.hour >= days.start_at
GROUP BY days.start_at
ORDER BY days.start_at
