-- The same of every series of these names: quicker where that is thousands of ids.
SELECT series_id, observed_at, ingested_at, value
FROM samples SEMI JOIN (SELECT DISTINCT series_id FROM series WHERE list_contains($names::VARCHAR[], name)) USING (series_id)
WHERE observed_at > $since::TIMESTAMPTZ AND observed_at <= $until::TIMESTAMPTZ AND ingested_at <= $read_to::TIMESTAMPTZ
