-- The words of one check's answer.
SELECT words, value, unit
FROM health_checks
WHERE platform = $platform AND component = $component AND check_name = $check_name AND observed_at = $at::TIMESTAMPTZ
ORDER BY ingested_at
LIMIT 1
