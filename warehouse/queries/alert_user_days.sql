-- On which of the days [since, until) of a zone each user made a request.
SELECT DISTINCT hash(user_id) AS user, day
FROM usage_user_1d
WHERE zone = $zone AND platform = $platform AND day >= $since::DATE AND day < $until::DATE
  AND ($providers::VARCHAR[] IS NULL OR list_contains($providers::VARCHAR[], provider))
  AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
  AND ($request_types::VARCHAR[] IS NULL OR list_contains($request_types::VARCHAR[], request_type))
  AND ($tiers::VARCHAR[] IS NULL OR list_contains($tiers::VARCHAR[], tier))
  AND ($statuses::VARCHAR[] IS NULL OR list_contains($statuses::VARCHAR[], status))
  AND ($users::VARCHAR[] IS NULL OR list_contains($users::VARCHAR[], user_id))
ORDER BY user, day
