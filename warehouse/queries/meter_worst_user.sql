-- The user who used most of a quantity on the days [since, until) of a zone; the first by id of equals.
SELECT user_id,
    sum(CASE $quantity WHEN 'cost_usd' THEN cost_usd WHEN 'requests' THEN requests WHEN 'tokens' THEN tokens WHEN 'images' THEN images
        ELSE characters END)::DECIMAL(38, 9) AS amount,
    sum(unpriced_requests)::BIGINT AS unpriced_requests
FROM usage_user_1d
WHERE zone = $zone AND platform = $platform AND day >= $since::DATE AND day < $until::DATE
  AND ($providers::VARCHAR[] IS NULL OR list_contains($providers::VARCHAR[], provider))
  AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
  AND ($request_types::VARCHAR[] IS NULL OR list_contains($request_types::VARCHAR[], request_type))
  AND ($tiers::VARCHAR[] IS NULL OR list_contains($tiers::VARCHAR[], tier))
  AND ($statuses::VARCHAR[] IS NULL OR list_contains($statuses::VARCHAR[], status))
  AND ($users::VARCHAR[] IS NULL OR list_contains($users::VARCHAR[], user_id))
GROUP BY user_id
ORDER BY amount DESC, user_id
LIMIT 1
