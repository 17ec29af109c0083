-- How many users made a request in each period [firsts[n], untils[n]) of local days, each in the tier they were in at last.
WITH periods AS (
    SELECT unnest($firsts::DATE[]) AS first_day, unnest($untils::DATE[]) AS until_day
),
users AS (
    SELECT p.first_day, p.until_day, u.user_id, arg_max(coalesce(u.tier, ''), u.last_at) AS tier
    FROM usage_user_1d AS u
    JOIN periods AS p ON u.day >= p.first_day AND u.day < p.until_day
    WHERE u.zone = $zone AND u.platform = $platform AND u.user_id <> '(none)' AND u.requests > 0
    GROUP BY p.first_day, p.until_day, u.user_id
)
SELECT first_day, until_day, tier, count(*)::BIGINT AS users
FROM users
GROUP BY first_day, until_day, tier
ORDER BY first_day, until_day, tier
