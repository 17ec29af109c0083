-- The quarters in `todo` from raw, then their hours from minutes and their days from hours.
-- A stale marker (NULL) is no reading. NaN and the infinities are readings that no sum can hold: they show as the last value only.
DELETE FROM samples_1m
WHERE bucket >= $low AND bucket < $high AND epoch_us(bucket) // 900000000 IN (SELECT quarter FROM todo);
INSERT INTO samples_1m BY NAME
SELECT
    series_id, make_timestamptz(epoch_us(observed_at) // 60000000 * 60000000) AS bucket,
    min(value) FILTER (isfinite(value)) AS min_value, max(value) FILTER (isfinite(value)) AS max_value,
    sum(value) FILTER (isfinite(value)) AS sum_value, count(*) FILTER (isfinite(value)) AS count,
    arg_max(value, observed_at) AS last_value, max(observed_at) AS last_at
FROM samples
WHERE observed_at >= $low AND observed_at < $high AND value IS NOT NULL AND epoch_us(observed_at) // 900000000 IN (SELECT quarter FROM todo)
GROUP BY ALL;
DELETE FROM samples_1h
WHERE bucket >= $low AND bucket < $high AND epoch_us(bucket) // 3600000000 IN (SELECT hour FROM todo_hours);
INSERT INTO samples_1h BY NAME
SELECT
    series_id, make_timestamptz(epoch_us(bucket) // 3600000000 * 3600000000) AS bucket,
    min(min_value) AS min_value, max(max_value) AS max_value, sum(sum_value) AS sum_value, sum(count)::BIGINT AS count,
    arg_max(last_value, last_at) AS last_value, max(last_at) AS last_at
FROM samples_1m
WHERE bucket >= $low AND bucket < $high AND epoch_us(bucket) // 3600000000 IN (SELECT hour FROM todo_hours)
GROUP BY ALL;
DELETE FROM samples_1d
WHERE bucket >= $low AND bucket < $high AND epoch_us(bucket) // 86400000000 IN (SELECT day FROM todo_days);
INSERT INTO samples_1d BY NAME
SELECT
    series_id, make_timestamptz(epoch_us(bucket) // 86400000000 * 86400000000) AS bucket,
    min(min_value) AS min_value, max(max_value) AS max_value, sum(sum_value) AS sum_value, sum(count)::BIGINT AS count,
    arg_max(last_value, last_at) AS last_value, max(last_at) AS last_at
FROM samples_1h
WHERE bucket >= $low AND bucket < $high AND epoch_us(bucket) // 86400000000 IN (SELECT day FROM todo_days)
GROUP BY ALL
