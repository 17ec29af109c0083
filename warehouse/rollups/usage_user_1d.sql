-- `day_quarters` says which quarter hours make up a local day: a day's edge never splits a quarter, whatever the zone.
INSERT INTO usage_user_1d BY NAME
SELECT
    d.zone, d.day, p.platform, p.user_id, p.tier, p.provider, p.model, p.request_type, p.status,
    sum(p.requests)::BIGINT AS requests,
    sum(p.input_uncached_tokens + p.cache_read_tokens + p.cache_write_tokens + p.output_tokens)::BIGINT AS tokens,
    sum(p.images)::BIGINT AS images, sum(p.characters)::BIGINT AS characters, sum(p.cost_usd)::DECIMAL(18, 9) AS cost_usd,
    coalesce(sum(p.requests) FILTER (p.unpriced), 0)::BIGINT AS unpriced_requests, max(p.occurred_at) AS last_at
FROM priced AS p
JOIN day_quarters AS d USING (quarter)
GROUP BY d.zone, d.day, p.platform, p.user_id, p.tier, p.provider, p.model, p.request_type, p.status
