-- The users who cost most (then asked most) on the local days [first_day, last_day] of a zone. '(none)' are calls without a user.
SELECT
    user_id, sum(requests)::BIGINT AS requests, sum(tokens)::BIGINT AS tokens, sum(images)::BIGINT AS images, sum(characters)::BIGINT AS characters,
    sum(cost_usd)::DECIMAL(18, 9) AS cost_usd, sum(unpriced_requests)::BIGINT AS unpriced_requests, max(last_at) AS last_at,
    arg_max(tier, last_at) AS tier
FROM usage_user_1d
WHERE zone = $zone AND day >= $first_day AND day <= $last_day AND ($platform IS NULL OR platform = $platform)
    AND ($tier IS NULL OR tier = $tier) AND ($request_type IS NULL OR request_type = $request_type)
GROUP BY user_id
ORDER BY CASE $by WHEN 'requests' THEN sum(requests) WHEN 'images' THEN sum(images) WHEN 'characters' THEN sum(characters) WHEN 'tokens' THEN sum(tokens)
    ELSE sum(cost_usd) END DESC, requests DESC, user_id
LIMIT $count
