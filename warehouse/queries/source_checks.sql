-- The newest answer of each check that says whether a source could be read, and, of the last hour, whether its clock is believed.
SELECT platform, component, check_name, arg_max(status, observed_at) AS status, max(observed_at) AS observed_at,
    arg_max(words, observed_at) AS words
FROM health_checks
WHERE observed_at >= $since AND observed_at <= $now AND (starts_with(check_name, 'reads ') OR (starts_with(check_name, 'clock of ') AND observed_at >= $now - INTERVAL 1 HOUR)
    OR (component = 'collector' AND starts_with(check_name, 'read ')))
GROUP BY ALL
ORDER BY ALL
