-- The newest answer of every health check since `since`.
SELECT platform, component, check_name, status, value, unit, words, observed_at
FROM health_checks
WHERE observed_at >= $since AND ($platform::VARCHAR IS NULL OR platform = $platform)
QUALIFY row_number() OVER (PARTITION BY platform, component, check_name ORDER BY observed_at DESC, ingested_at DESC) = 1
ORDER BY platform, component, check_name
