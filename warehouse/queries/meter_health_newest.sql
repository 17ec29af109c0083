-- The newest answer of any check of these components. One that could not be told (unknown) is no answer.
SELECT max(observed_at) AS observed_at
FROM health_checks
WHERE platform = $platform AND status <> 'unknown' AND list_contains($components::VARCHAR[], component)
  AND ($checks::VARCHAR[] IS NULL OR list_contains($checks::VARCHAR[], check_name))
  AND observed_at >= $since::TIMESTAMPTZ AND observed_at < $until::TIMESTAMPTZ
