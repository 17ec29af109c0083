-- Business days [since, until) of a platform, each day's sums.
SELECT day, sum(revenue_usd)::DECIMAL(38, 9) AS revenue, sum(new_users)::BIGINT AS new_users, sum(returning_users)::BIGINT AS returning_users,
    sum(converted_users)::BIGINT AS converted_users
FROM business_days
WHERE platform = $platform AND day >= $since::DATE AND day < $until::DATE
  AND ($tiers::VARCHAR[] IS NULL OR list_contains($tiers::VARCHAR[], tier))
GROUP BY day
ORDER BY day
