-- The newest call in (since, until] that had arrived by `read_to`.
SELECT max(occurred_at) AS occurred_at, arg_max(ingested_at, occurred_at) AS ingested_at
FROM ai_usage
WHERE platform = $platform AND occurred_at > $since::TIMESTAMPTZ AND occurred_at <= $until::TIMESTAMPTZ AND ingested_at <= $read_to::TIMESTAMPTZ
