-- The newest answer of each check that says whether a platform's sources could be read, in (since, until], as far as it had arrived by `read_to`.
SELECT component, check_name, arg_max(status, observed_at) AS status, arg_max(words, observed_at) AS words, max(observed_at) AS observed_at
FROM health_checks
WHERE platform = $platform AND observed_at > $since::TIMESTAMPTZ AND observed_at <= $until::TIMESTAMPTZ
  AND ingested_at <= $read_to::TIMESTAMPTZ AND (starts_with(check_name, 'reads ') OR (component = 'collector' AND starts_with(check_name, 'read ')))
GROUP BY component, check_name
ORDER BY component, check_name
