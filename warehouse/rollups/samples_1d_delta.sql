-- Late readings of a sealed bucket become a row of their own beside it; readers merge rows of one key.
INSERT INTO samples_1d BY NAME
SELECT
    series_id, make_timestamptz(epoch_us(observed_at) // 86400000000 * 86400000000) AS bucket,
    min(value) FILTER (isfinite(value)) AS min_value, max(value) FILTER (isfinite(value)) AS max_value,
    sum(value) FILTER (isfinite(value)) AS sum_value, count(*) FILTER (isfinite(value)) AS count,
    arg_max(value, observed_at) AS last_value, max(observed_at) AS last_at
FROM query_table($staged)
WHERE observed_at < $before AND value IS NOT NULL
GROUP BY ALL
