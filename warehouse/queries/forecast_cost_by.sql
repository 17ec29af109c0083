-- What a platform's AI cost on each local day by one dimension (`dimension`: model, tier or team), the `top` values that cost most apart, the rest as `other`.
WITH days AS (
    SELECT unnest($starts::TIMESTAMPTZ[]) AS start_at
), used AS (
    SELECT
        days.start_at, CASE $dimension WHEN 'model' THEN model WHEN 'tier' THEN tier WHEN 'team' THEN team END AS value, sum(cost_usd) AS cost_usd
    FROM usage_15m ASOF JOIN days ON usage_15m.bucket >= days.start_at
    WHERE platform = $platform AND bucket >= $since::TIMESTAMPTZ AND bucket < $until::TIMESTAMPTZ
    GROUP BY ALL
), most AS (
    SELECT value FROM used WHERE coalesce(value, '') <> '' GROUP BY value HAVING sum(cost_usd) > 0 ORDER BY sum(cost_usd) DESC, value LIMIT $top
)
SELECT start_at, CASE WHEN value IN (FROM most) THEN value ELSE $other END AS value, sum(cost_usd)::DOUBLE AS cost_usd
FROM used
GROUP BY ALL
ORDER BY value, start_at
