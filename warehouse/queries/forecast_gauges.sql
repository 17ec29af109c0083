-- Each local day of several gauges, from hourly rollups: the mean of its hours, its highest and its lowest hour, and how many hours it was read in.
-- An hour is read as the meter reads a span: within each series `over_time`, then `across` them. `meters`, `ids`: which meter reads which series.
WITH days AS (
    SELECT unnest($starts::TIMESTAMPTZ[]) AS start_at
), reads AS (
    SELECT unnest($meters::BIGINT[]) AS meter, unnest($ids::UBIGINT[]) AS series_id
), how AS (
    SELECT unnest($numbers::BIGINT[]) AS meter, unnest($over_time::VARCHAR[]) AS over_time, unnest($across::VARCHAR[]) AS across
), hours AS (
    SELECT
        series_id, bucket, sum(sum_value) / sum(count) AS mean, max(max_value) AS high, min(min_value) AS low, arg_max(last_value, last_at) AS last
    FROM samples_1h
    WHERE series_id IN (SELECT series_id FROM reads) AND bucket >= $since::TIMESTAMPTZ AND bucket < $until::TIMESTAMPTZ AND count > 0
    GROUP BY series_id, bucket
), told AS (
    SELECT
        meter, across, bucket,
        CASE over_time WHEN 'max' THEN high WHEN 'min' THEN low WHEN 'last' THEN last ELSE mean END AS value
    FROM hours JOIN reads USING (series_id) JOIN how USING (meter)
), joined AS (
    SELECT
        meter, bucket, CASE any_value(across) WHEN 'sum' THEN sum(value) WHEN 'max' THEN max(value) WHEN 'min' THEN min(value) ELSE avg(value) END AS value
    FROM told
    WHERE isfinite(value)
    GROUP BY meter, bucket
)
SELECT meter, days.start_at, avg(value) AS mean, max(value) AS busiest, min(value) AS lowest, count(*)::BIGINT AS hours, min(bucket) AS first_at
FROM joined ASOF JOIN days ON joined.bucket >= days.start_at
GROUP BY meter, days.start_at
ORDER BY meter, days.start_at
