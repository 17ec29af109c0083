-- What each of several meters (their `tiers`, NULL for all) says of each business day.
WITH meters AS (
    SELECT unnest($meters::BIGINT[]) AS meter, unnest($tiers::VARCHAR[][]) AS tiers
)
SELECT
    meter, day, sum(revenue_usd)::DOUBLE AS revenue, sum(new_users)::DOUBLE AS new_users, sum(returning_users)::DOUBLE AS returning_users,
    sum(converted_users)::DOUBLE AS converted_users, sum(active_users)::DOUBLE AS daily_users,
    (sum(satisfaction * active_users) / nullif(sum(active_users) FILTER (satisfaction IS NOT NULL), 0))::DOUBLE AS satisfaction
FROM business_days JOIN meters ON tiers IS NULL OR list_contains(tiers, tier)
WHERE platform = $platform AND day >= $since::DATE AND day < $until::DATE
GROUP BY meter, day
ORDER BY meter, day
