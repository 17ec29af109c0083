-- What a platform's AI usage cost on each local day [first_day, until_day) of a zone, by tier and provider. `token_*` are of calls that had tokens.
SELECT day, coalesce(tier, '') AS tier, coalesce(provider, '') AS provider,
    sum(requests)::BIGINT AS requests, sum(tokens)::BIGINT AS tokens, sum(cost_usd)::DECIMAL(38, 9) AS cost_usd,
    coalesce(sum(cost_usd) FILTER (tokens > 0), 0)::DECIMAL(38, 9) AS token_usd,
    sum(unpriced_requests)::BIGINT AS unpriced_requests, max(last_at) AS last_at
FROM usage_user_1d
WHERE zone = $zone AND platform = $platform AND day >= $first_day::DATE AND day < $until_day::DATE
GROUP BY ALL
ORDER BY day, tier, provider
