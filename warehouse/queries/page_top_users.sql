-- The users who cost most on the UTC days [first_day, until_day). Pseudonyms only.
SELECT
    user_id, any_value(platform) AS platform, coalesce(max(tier), '') AS tier,
    sum(requests)::BIGINT AS requests, sum(tokens)::BIGINT AS tokens, sum(images)::BIGINT AS images,
    sum(cost_usd)::DECIMAL(38, 9) AS cost_usd, sum(unpriced_requests)::BIGINT AS unpriced_requests, max(last_at) AS last_at
FROM usage_user_1d
WHERE zone = 'UTC' AND day >= $first_day AND day < $until_day
    AND ($platform::VARCHAR IS NULL OR platform = $platform)
    AND ($provider::VARCHAR IS NULL OR coalesce(provider, '') = $provider)
    AND ($model::VARCHAR IS NULL OR coalesce(model, '') = $model)
    AND ($request_type::VARCHAR IS NULL OR coalesce(request_type, '') = $request_type)
    AND ($tier::VARCHAR IS NULL OR coalesce(tier, '') = $tier)
GROUP BY user_id
ORDER BY cost_usd DESC, requests DESC, user_id
LIMIT 20
