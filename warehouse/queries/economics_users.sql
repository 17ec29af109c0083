-- What each user of a platform used on the local days [first_day, until_day) of a zone, and on how many whole days they were there. The day a user is
-- first seen counts on neither side: they came at some hour of it, and had they not used anything it would not be their first.
WITH seen AS (
    SELECT user_id, min(day) AS first_day
    FROM usage_user_1d
    WHERE zone = $zone AND platform = $platform AND user_id <> '(none)' AND day < $until_day::DATE
    GROUP BY user_id
),
used AS (
    SELECT u.user_id,
        sum(u.requests) AS requests, sum(u.tokens) AS tokens, sum(u.images) AS images, sum(u.characters) AS characters, sum(u.cost_usd) AS cost_usd,
        sum(u.unpriced_requests) AS unpriced_requests, max(u.last_at) AS last_at
    FROM usage_user_1d AS u
    JOIN seen AS s ON s.user_id = u.user_id AND u.day > s.first_day
    WHERE u.zone = $zone AND u.platform = $platform AND u.day >= $first_day::DATE AND u.day < $until_day::DATE
    GROUP BY u.user_id
),
tiers AS (
    SELECT user_id, arg_max(tier, last_at) AS tier
    FROM usage_user_1d
    WHERE zone = $zone AND platform = $platform AND day < $until_day::DATE AND tier IS NOT NULL
    GROUP BY user_id
)
SELECT s.user_id, t.tier, date_diff('day', greatest($first_day::DATE, s.first_day + 1), $until_day::DATE) AS days,
    coalesce(u.requests, 0)::BIGINT AS requests, coalesce(u.tokens, 0)::BIGINT AS tokens, coalesce(u.images, 0)::BIGINT AS images,
    coalesce(u.characters, 0)::BIGINT AS characters, coalesce(u.cost_usd, 0)::DECIMAL(38, 9) AS cost_usd,
    coalesce(u.unpriced_requests, 0)::BIGINT AS unpriced_requests, u.last_at
FROM seen AS s
LEFT JOIN used AS u USING (user_id)
LEFT JOIN tiers AS t USING (user_id)
ORDER BY s.user_id
