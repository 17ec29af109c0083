-- The minutes in which a check of these components failed; each answer stands for `minutes` of them.
SELECT DISTINCT date_trunc('minute', observed_at) + to_minutes(k) AS minute
FROM health_checks, range($minutes::BIGINT) AS r(k)
WHERE platform = $platform AND status = 'fail' AND list_contains($components::VARCHAR[], component)
  AND ($checks::VARCHAR[] IS NULL OR list_contains($checks::VARCHAR[], check_name))
  AND observed_at >= $since::TIMESTAMPTZ AND observed_at < $until::TIMESTAMPTZ
ORDER BY minute
