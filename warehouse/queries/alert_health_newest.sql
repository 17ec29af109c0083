-- The newest answer of each health check in (since, until] that had arrived by `read_to`.
SELECT platform, component, check_name, max(observed_at) AS observed_at, arg_max(ingested_at, observed_at) AS ingested_at,
    arg_max(status, observed_at) AS status
FROM health_checks
WHERE observed_at > $since::TIMESTAMPTZ AND observed_at <= $until::TIMESTAMPTZ AND ingested_at <= $read_to::TIMESTAMPTZ
  AND list_contains($platforms::VARCHAR[], platform)
  AND (list_contains($components::VARCHAR[], component) OR component = 'collector' OR starts_with(check_name, 'reads '))
GROUP BY platform, component, check_name
ORDER BY platform, component, check_name
