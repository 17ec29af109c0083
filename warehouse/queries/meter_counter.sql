-- How far counters rose: rows of 5 minutes since `cut` (from raw samples) and of an hour before it (from the hourly rollup).
-- A counter that fell was reset and began again at 0: what it rose before, in the same hour, is known from the hour's maximum.
WITH steps AS (
    SELECT series_id, bucket AS step_at, arg_max(last_value, last_at) AS last, max(max_value) AS high, min(min_value) AS low, max(last_at) AS last_at
    FROM samples_1h
    WHERE series_id IN (SELECT unnest($ids::UBIGINT[])) AND bucket >= $since::TIMESTAMPTZ - INTERVAL 1 DAY AND bucket < $cut::TIMESTAMPTZ AND count > 0
    GROUP BY series_id, bucket
    UNION ALL
    SELECT series_id, observed_at, value, value, value, observed_at
    FROM samples
    WHERE series_id IN (SELECT unnest($ids::UBIGINT[])) AND observed_at >= $cut::TIMESTAMPTZ AND observed_at < $until::TIMESTAMPTZ
      AND value IS NOT NULL AND isfinite(value)
), paired AS (
    SELECT *, lag(last) OVER (PARTITION BY series_id ORDER BY step_at) AS before FROM steps
), rises AS (
    SELECT step_at, last_at,
        CASE
            WHEN before IS NULL THEN CASE WHEN high > last THEN last ELSE last - low END
            WHEN high > last THEN greatest(high - before, 0) + last
            WHEN last < before THEN last
            ELSE last - before
        END AS rise
    FROM paired
)
SELECT time_bucket(INTERVAL 5 MINUTE, step_at) AS step_at, sum(rise) AS rise, max(last_at) AS last_at
FROM rises
WHERE step_at >= $since::TIMESTAMPTZ
GROUP BY 1
ORDER BY 1
