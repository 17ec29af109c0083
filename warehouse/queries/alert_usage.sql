-- The newest call of each minute in (since, until] by when it had arrived.
SELECT max(occurred_at) AS occurred_at, max(ingested_at) AS ingested_at
FROM ai_usage
WHERE platform = $platform AND occurred_at > $since::TIMESTAMPTZ AND occurred_at <= $until::TIMESTAMPTZ AND ingested_at <= $read_to::TIMESTAMPTZ
GROUP BY occurred_at, ingested_at
ORDER BY occurred_at
