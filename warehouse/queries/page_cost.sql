-- Usage and cost in [since, until) by bucket and by one dimension. `edges` are the buckets' first instants, ascending.
WITH edges AS (
    SELECT unnest($edges::TIMESTAMPTZ[]) AS bucket_start
),
asked AS (
    SELECT *,
        CASE $by::VARCHAR
            WHEN 'platform' THEN platform
            WHEN 'component' THEN component
            WHEN 'provider' THEN provider
            WHEN 'model' THEN model
            WHEN 'request_type' THEN request_type
            WHEN 'tier' THEN tier
        END AS grouping_value
    FROM usage_15m
    WHERE bucket >= $since AND bucket < $until
        AND ($platform::VARCHAR IS NULL OR platform = $platform)
        AND ($provider::VARCHAR IS NULL OR coalesce(provider, '') = $provider)
        AND ($model::VARCHAR IS NULL OR coalesce(model, '') = $model)
        AND ($request_type::VARCHAR IS NULL OR coalesce(request_type, '') = $request_type)
        AND ($tier::VARCHAR IS NULL OR coalesce(tier, '') = $tier)
)
SELECT
    edges.bucket_start,
    coalesce(asked.grouping_value, '') AS name,
    sum(asked.requests)::BIGINT AS requests,
    sum(asked.requests) FILTER (asked.status <> 'ok')::BIGINT AS failed_requests,
    sum(asked.input_uncached_tokens + asked.cache_read_tokens + asked.cache_write_tokens + asked.output_tokens)::BIGINT AS tokens,
    sum(asked.images)::BIGINT AS images,
    sum(asked.cost_usd)::DECIMAL(38, 9) AS cost_usd,
    sum(asked.unpriced_requests)::BIGINT AS unpriced_requests,
    max(asked.last_at) AS last_at
FROM asked ASOF JOIN edges ON asked.bucket >= edges.bucket_start
GROUP BY ALL
ORDER BY ALL
