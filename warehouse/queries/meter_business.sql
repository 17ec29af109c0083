-- What the business days [since, until) of a platform say. `daily_users` is the mean of the days before `today`, of today only if there is no other.
WITH days AS (
    SELECT day, active_users, new_users, returning_users, converted_users, revenue_usd, satisfaction
    FROM business_days
    WHERE platform = $platform AND day >= $since::DATE AND day < $until::DATE
      AND ($tiers::VARCHAR[] IS NULL OR list_contains($tiers::VARCHAR[], tier))
)
SELECT count(*)::BIGINT AS rows_found,
    sum(revenue_usd)::DECIMAL(38, 9) AS revenue, sum(new_users)::BIGINT AS new_users, sum(returning_users)::BIGINT AS returning_users,
    sum(converted_users)::BIGINT AS converted_users,
    coalesce(sum(active_users) FILTER (day < $today::DATE) / nullif(count(DISTINCT day) FILTER (day < $today::DATE), 0),
        sum(active_users) / nullif(count(DISTINCT day), 0)) AS daily_users,
    sum(satisfaction * active_users) / nullif(sum(active_users) FILTER (satisfaction IS NOT NULL), 0) AS satisfaction
FROM days
