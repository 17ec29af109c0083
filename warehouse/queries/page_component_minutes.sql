-- By component and quarter hour in [since, until): how many minutes any of its checks answered in, in how many of those one failed, in how many all did.
WITH minutes AS (
    SELECT
        component,
        CAST(floor(epoch(observed_at) / 60) AS BIGINT) AS minute,
        count(*) FILTER (WHERE status = 'fail') AS failed,
        count(*) FILTER (WHERE status <> 'unknown') AS told
    FROM health_checks
    WHERE platform = $platform AND observed_at >= $since AND observed_at < $until
    GROUP BY ALL
)
SELECT
    component,
    to_timestamp((minute // 15) * 900) AS bucket_start,
    count(*) FILTER (WHERE told > 0) AS minutes,
    count(*) FILTER (WHERE failed > 0) AS any_failed,
    count(*) FILTER (WHERE failed > 0 AND failed = told) AS all_failed
FROM minutes
GROUP BY ALL
ORDER BY ALL
