-- Readings by the minute, (since, until]: means, and of counters the last ones.
SELECT series_id, max(last_at) AS observed_at, max(last_at) AS ingested_at,
    CASE WHEN list_contains($counters::UBIGINT[], series_id) THEN arg_max(last_value, last_at) ELSE sum(sum_value) / nullif(sum(count), 0) END AS value
FROM samples_1m
WHERE series_id IN (SELECT unnest($ids::UBIGINT[])) AND bucket > $since::TIMESTAMPTZ AND bucket <= $until::TIMESTAMPTZ AND count > 0
GROUP BY series_id, bucket
