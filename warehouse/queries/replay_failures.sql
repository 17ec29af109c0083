-- Stretches in which a check of a component failed, [started, ended), in time order. A stretch ends with the first look that did not fail.
WITH looks AS (
    SELECT platform, component, check_name, observed_at, status = 'fail' AS failing,
        lag(status = 'fail') OVER checks AS failed_before, lead(observed_at) OVER checks AS next_at
    FROM health_checks
    WHERE observed_at >= $since AND observed_at < $until AND status <> 'unknown'
    WINDOW checks AS (PARTITION BY platform, component, check_name ORDER BY observed_at)
), numbered AS (
    SELECT *, count(*) FILTER (failing AND NOT coalesce(failed_before, false))
        OVER (PARTITION BY platform, component, check_name ORDER BY observed_at) AS stretch
    FROM looks
)
SELECT platform, component, min(observed_at) AS started, max(coalesce(next_at, observed_at)) AS ended
FROM numbered
WHERE failing
GROUP BY platform, component, check_name, stretch
ORDER BY platform, component, started
