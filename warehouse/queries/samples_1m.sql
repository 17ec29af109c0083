-- Merged readings of series in steps of $step_us microseconds from $origin. min, max, sum and count are of finite values only.
SELECT
    series_id, make_timestamptz(epoch_us($origin::TIMESTAMPTZ) + (epoch_us(bucket) - epoch_us($origin::TIMESTAMPTZ)) // $step_us::BIGINT * $step_us::BIGINT) AS "at",
    min(min_value) AS min_value, max(max_value) AS max_value, sum(sum_value) AS sum_value, sum(count)::BIGINT AS count,
    arg_max(last_value, last_at) AS last_value, max(last_at) AS last_at
FROM samples_1m
WHERE series_id IN (SELECT unnest($series_ids::UBIGINT[])) AND bucket >= $origin AND bucket < $until
GROUP BY ALL
ORDER BY series_id, "at"
