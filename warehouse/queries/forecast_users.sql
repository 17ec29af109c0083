-- By how much the number of users of the last `over` days changes from one day of a zone to the next: a user counts from a day of use until `over` days
-- later, or until the next day of use, which counts again.
WITH seen AS (
    SELECT DISTINCT user_id, day
    FROM usage_user_1d
    WHERE zone = $zone AND platform = $platform AND day >= $since::DATE AND day < $until::DATE
      AND ($providers::VARCHAR[] IS NULL OR list_contains($providers::VARCHAR[], provider))
      AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
      AND ($request_types::VARCHAR[] IS NULL OR list_contains($request_types::VARCHAR[], request_type))
      AND ($tiers::VARCHAR[] IS NULL OR list_contains($tiers::VARCHAR[], tier))
      AND ($statuses::VARCHAR[] IS NULL OR list_contains($statuses::VARCHAR[], status))
      AND ($users::VARCHAR[] IS NULL OR list_contains($users::VARCHAR[], user_id))
), stretches AS (
    SELECT
        day AS from_day,
        least(day + $over::INTEGER, coalesce(lead(day) OVER (PARTITION BY user_id ORDER BY day), day + $over::INTEGER)) AS to_day
    FROM seen
), changes AS (
    SELECT from_day AS day, count(*) AS users FROM stretches GROUP BY from_day
    UNION ALL
    SELECT to_day, -count(*) FROM stretches GROUP BY to_day
)
SELECT day, sum(users)::BIGINT AS change
FROM changes
WHERE day < $until::DATE
GROUP BY day
ORDER BY day
