-- How far several counters rose on each local day, in its busiest and in its quietest hour, from hourly rollups. As in meter_counter: a counter that
-- fell was reset and began again at 0. `meters`, `ids`: which meter reads which series.
WITH days AS (
    SELECT unnest($starts::TIMESTAMPTZ[]) AS start_at
), reads AS (
    SELECT unnest($meters::BIGINT[]) AS meter, unnest($ids::UBIGINT[]) AS series_id
), hours AS (
    SELECT series_id, bucket, arg_max(last_value, last_at) AS last, max(max_value) AS high, min(min_value) AS low
    FROM samples_1h
    WHERE series_id IN (SELECT series_id FROM reads) AND bucket >= $since::TIMESTAMPTZ - INTERVAL 1 DAY AND bucket < $until::TIMESTAMPTZ AND count > 0
    GROUP BY series_id, bucket
), paired AS (
    SELECT *, lag(last) OVER (PARTITION BY series_id ORDER BY bucket) AS before FROM hours
), rises AS (
    SELECT
        series_id, bucket,
        CASE
            WHEN before IS NULL THEN CASE WHEN high > last THEN last ELSE last - low END
            WHEN high > last THEN greatest(high - before, 0) + last
            WHEN last < before THEN last
            ELSE last - before
        END AS rise
    FROM paired
), joined AS (
    SELECT meter, bucket, sum(rise) AS rise
    FROM rises JOIN reads USING (series_id)
    WHERE bucket >= $since::TIMESTAMPTZ AND isfinite(rise)
    GROUP BY meter, bucket
)
SELECT meter, days.start_at, sum(rise) AS total, max(rise) AS busiest, min(rise) AS lowest, count(*)::BIGINT AS hours, min(bucket) AS first_at
FROM joined ASOF JOIN days ON joined.bucket >= days.start_at
GROUP BY meter, days.start_at
ORDER BY meter, days.start_at
