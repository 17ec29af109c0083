-- What some series read in (since, until], as far as it had arrived by `read_to`.
SELECT series_id, observed_at, ingested_at, value
FROM samples
WHERE series_id IN (SELECT unnest($ids::UBIGINT[])) AND observed_at > $since::TIMESTAMPTZ AND observed_at <= $until::TIMESTAMPTZ
  AND ingested_at <= $read_to::TIMESTAMPTZ
