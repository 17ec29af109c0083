-- The newest reading of some series between two instants, whatever it is: NULL where the series ended.
SELECT series_id, value, observed_at
FROM samples
WHERE series_id IN (SELECT unnest($ids::UBIGINT[])) AND observed_at >= $since::TIMESTAMPTZ AND observed_at <= $now::TIMESTAMPTZ
QUALIFY row_number() OVER (PARTITION BY series_id ORDER BY observed_at DESC) = 1
ORDER BY series_id
