-- What given users used on each day [since, until) of a zone.
SELECT day, sum(requests)::BIGINT AS requests, sum(tokens)::BIGINT AS tokens, sum(images)::BIGINT AS images,
    sum(characters)::BIGINT AS characters, sum(cost_usd)::DECIMAL(18, 9) AS cost_usd, sum(unpriced_requests)::BIGINT AS unpriced_requests
FROM usage_user_1d
WHERE zone = $zone AND platform = $platform AND day >= $since::DATE AND day < $until::DATE
  AND ($providers::VARCHAR[] IS NULL OR list_contains($providers::VARCHAR[], provider))
  AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
  AND ($request_types::VARCHAR[] IS NULL OR list_contains($request_types::VARCHAR[], request_type))
  AND ($tiers::VARCHAR[] IS NULL OR list_contains($tiers::VARCHAR[], tier))
  AND ($statuses::VARCHAR[] IS NULL OR list_contains($statuses::VARCHAR[], status))
  AND ($users::VARCHAR[] IS NULL OR list_contains($users::VARCHAR[], user_id))
GROUP BY day
ORDER BY day
