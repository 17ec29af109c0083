-- Since when each health check that is not passing has had its present status: its first answer after the last other one. Checks that
-- have had it for all of [since, now) begin at their first answer there.
WITH newest AS (
    SELECT platform, component, check_name, status
    FROM health_checks
    WHERE observed_at >= $recent AND ($platform::VARCHAR IS NULL OR platform = $platform)
    QUALIFY row_number() OVER (PARTITION BY platform, component, check_name ORDER BY observed_at DESC, ingested_at DESC) = 1
),
troubled AS (
    SELECT * FROM newest WHERE status <> 'pass'
),
past AS (
    SELECT h.platform, h.component, h.check_name, h.observed_at, h.status = t.status AS same
    FROM health_checks AS h
    JOIN troubled AS t ON h.platform = t.platform AND h.component = t.component AND h.check_name = t.check_name
    WHERE h.observed_at >= $since
),
other AS (
    SELECT platform, component, check_name, max(observed_at) AS last_at FROM past WHERE NOT same GROUP BY ALL
)
SELECT p.platform, p.component, p.check_name, min(p.observed_at) AS begun_at
FROM past AS p
LEFT JOIN other AS o ON p.platform = o.platform AND p.component = o.component AND p.check_name = o.check_name
WHERE p.same AND (o.last_at IS NULL OR p.observed_at > o.last_at)
GROUP BY ALL
ORDER BY ALL
