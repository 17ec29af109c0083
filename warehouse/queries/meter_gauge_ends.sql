-- The same for each of several instants: what the hours of the span `over` before it hold.
SELECT until_at, series_id,
    arg_max(last_value, last_at) AS last,
    sum(sum_value) / nullif(sum(count), 0) AS mean,
    max(max_value) AS max,
    min(min_value) AS min,
    max(last_at) AS observed_at,
    false AS ended
FROM samples_1h JOIN (SELECT unnest($ends::TIMESTAMPTZ[]) AS until_at) ON bucket >= until_at - $over::INTERVAL AND bucket < until_at
WHERE series_id IN (SELECT unnest($ids::UBIGINT[])) AND bucket >= $since::TIMESTAMPTZ AND bucket < $until::TIMESTAMPTZ AND count > 0
GROUP BY until_at, series_id
ORDER BY until_at, series_id
