-- Which local days saw any call of a platform.
WITH days AS (
    SELECT unnest($starts::TIMESTAMPTZ[]) AS start_at
)
SELECT DISTINCT days.start_at
FROM usage_15m ASOF JOIN days ON usage_15m.bucket >= days.start_at
WHERE platform = $platform AND bucket >= $since::TIMESTAMPTZ AND bucket < $until::TIMESTAMPTZ
ORDER BY 1
