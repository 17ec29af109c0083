-- What there is to filter by: the values of each dimension used in [since, until).
SELECT dimension, value, sum(cost_usd)::DECIMAL(38, 9) AS cost_usd
FROM (
    SELECT unnest([
        {'dimension': 'provider', 'value': provider}, {'dimension': 'model', 'value': model},
        {'dimension': 'request_type', 'value': request_type}, {'dimension': 'tier', 'value': tier}
    ], recursive := true), cost_usd
    FROM usage_15m
    WHERE bucket >= $since AND bucket < $until AND ($platform::VARCHAR IS NULL OR platform = $platform)
)
WHERE value IS NOT NULL
GROUP BY ALL
ORDER BY dimension, cost_usd DESC, value
