-- Zero and below have no logarithm: they share the lowest bucket, and so keep their rank.
INSERT INTO latency_1h BY NAME
SELECT
    make_timestamptz((minute // 60) * 3600000000) AS bucket, platform, provider, model,
    (CASE WHEN latency_ms <= 0 THEN -32768 ELSE least(32767, greatest(-32767, ceil(ln(latency_ms) / ln(1.02)))) END)::SMALLINT AS latency_bucket,
    count(*) AS count
FROM priced
WHERE latency_ms IS NOT NULL AND quarter // 4 IN (SELECT hour FROM todo_hours)
GROUP BY ALL
