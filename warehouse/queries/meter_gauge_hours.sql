-- The same from whole hours, for spans older or longer than raw samples are read for.
SELECT series_id,
    arg_max(last_value, last_at) AS last,
    sum(sum_value) / nullif(sum(count), 0) AS mean,
    max(max_value) AS max,
    min(min_value) AS min,
    max(last_at) AS observed_at,
    false AS ended
FROM samples_1h
WHERE series_id IN (SELECT unnest($ids::UBIGINT[])) AND bucket >= $since::TIMESTAMPTZ AND bucket < $until::TIMESTAMPTZ AND count > 0
GROUP BY series_id
ORDER BY series_id
