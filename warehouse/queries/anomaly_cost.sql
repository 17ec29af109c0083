-- What a platform's calls cost in each step, in all and by each value of a dimension. `edges`: the steps' first instants, ascending; the last ends
-- at `until`.
WITH facts AS (
    SELECT
        bucket, coalesce(provider, '') AS provider, coalesce(model, '') AS model, coalesce(request_type, '') AS request_type, coalesce(tier, '') AS tier,
        coalesce(component, '') AS component, sum(cost_usd)::DOUBLE AS usd
    FROM usage_15m
    WHERE platform = $platform AND bucket >= $since AND bucket < $until
    GROUP BY ALL
),
edges AS (SELECT unnest($edges::TIMESTAMPTZ[]) AS edge)
SELECT
    edges.edge AS "at",
    CASE
        WHEN grouping(provider) = 0 THEN 'provider' WHEN grouping(model) = 0 THEN 'model' WHEN grouping(request_type) = 0 THEN 'request_type'
        WHEN grouping(tier) = 0 THEN 'tier' WHEN grouping(component) = 0 THEN 'component' ELSE ''
    END AS dimension,
    coalesce(provider, model, request_type, tier, component, '') AS value, sum(usd) AS reading
FROM facts ASOF JOIN edges ON facts.bucket >= edges.edge
GROUP BY GROUPING SETS ((edges.edge), (edges.edge, provider), (edges.edge, model), (edges.edge, request_type), (edges.edge, tier), (edges.edge, component))
ORDER BY dimension, value, "at"
