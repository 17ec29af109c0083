-- What health checks answered in (since, until] and what had arrived of it by `read_to`, in order.
SELECT platform, component, check_name, observed_at, ingested_at, status
FROM health_checks
WHERE observed_at > $since::TIMESTAMPTZ AND observed_at <= $until::TIMESTAMPTZ AND ingested_at <= $read_to::TIMESTAMPTZ
  AND list_contains($platforms::VARCHAR[], platform)
  AND (list_contains($components::VARCHAR[], component) OR component = 'collector' OR starts_with(check_name, 'reads '))
ORDER BY platform, component, check_name, observed_at, ingested_at
