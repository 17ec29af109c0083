-- One limit's room over time: its last reading in each hour since `since`.
SELECT
    to_timestamp(floor(epoch(as_of) / 3600) * 3600) AS bucket_start,
    arg_max(fraction_left, as_of) AS fraction_left,
    arg_max(state, as_of) AS state,
    max(as_of) AS last_at
FROM headroom
WHERE limit_id = $limit_id AND as_of >= $since
GROUP BY 1
ORDER BY 1
