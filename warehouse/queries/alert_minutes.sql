-- Every minute that health checks of these components spoke for, and whether one of them failed; each answer stands for `minutes` of them.
-- What Roomleft says of its own looks at a source is no answer of the platform, unless a meter names the check.
WITH own AS (
    SELECT substr(labels['source'], length(platform) + 2) AS name, labels['stream'] AS kind
    FROM series
    WHERE platform = $platform AND component = 'collector' AND name = 'up' AND starts_with(labels['source'], platform || '.')
)
SELECT date_trunc('minute', observed_at) + to_minutes(k) AS minute, bool_or(status = 'fail') AS bad
FROM health_checks, range($minutes::BIGINT) AS r(k)
WHERE platform = $platform AND status <> 'unknown' AND list_contains($components::VARCHAR[], component)
  AND ($checks::VARCHAR[] IS NULL OR list_contains($checks::VARCHAR[], check_name))
  AND ($checks::VARCHAR[] IS NOT NULL OR NOT (
    check_name IN (SELECT unnest(['reads ' || name, 'clock of ' || name]) FROM own)
    OR (regexp_full_match(check_name, 'query [a-z0-9_]+') AND EXISTS (FROM own WHERE kind = 'prometheus-server'))
  ))
  AND observed_at >= $since::TIMESTAMPTZ AND observed_at <= $until::TIMESTAMPTZ
GROUP BY 1
ORDER BY 1
