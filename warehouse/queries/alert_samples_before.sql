-- The newest reading of some series in (since, until] that had arrived by `read_to`.
SELECT series_id, max(observed_at) AS observed_at, arg_max(ingested_at, observed_at) AS ingested_at, arg_max_null(value, observed_at) AS value
FROM samples
WHERE series_id IN (SELECT unnest($ids::UBIGINT[])) AND observed_at > $since::TIMESTAMPTZ AND observed_at <= $until::TIMESTAMPTZ
  AND ingested_at <= $read_to::TIMESTAMPTZ
GROUP BY series_id
ORDER BY series_id
