-- Revenue by business day and tier in [first_day, until_day).
SELECT day, tier, sum(revenue_usd)::DECIMAL(38, 9) AS revenue_usd
FROM business_days
WHERE platform = $platform AND day >= $first_day::DATE AND day < $until_day::DATE
GROUP BY day, tier
ORDER BY day, tier
