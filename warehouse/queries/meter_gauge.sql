-- What some series read between two instants: finite values only, and whether the newest row says that the series ended (a stale marker).
SELECT series_id,
    arg_max(value, observed_at) FILTER (value IS NOT NULL AND isfinite(value)) AS last,
    avg(value) FILTER (value IS NOT NULL AND isfinite(value)) AS mean,
    max(value) FILTER (value IS NOT NULL AND isfinite(value)) AS max,
    min(value) FILTER (value IS NOT NULL AND isfinite(value)) AS min,
    max(observed_at) FILTER (value IS NOT NULL) AS observed_at,
    arg_max(value IS NULL, observed_at) AS ended
FROM samples
WHERE series_id IN (SELECT unnest($ids::UBIGINT[])) AND observed_at >= $since::TIMESTAMPTZ AND observed_at < $until::TIMESTAMPTZ
GROUP BY series_id
ORDER BY series_id
