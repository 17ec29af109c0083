-- Usage and cost by user on the local days [first_day, last_day] of a zone: the $most dearest, what all others come to as '(others)', and last the
-- total of it all (`is_total`). `label` is NULL for calls without a user.
WITH users AS (
    SELECT
        user_id, sum(requests) AS requests, sum(tokens) AS tokens, sum(images) AS images, sum(characters) AS characters, sum(cost_usd) AS cost_usd,
        sum(unpriced_requests) AS unpriced_requests, max(last_at) AS last_at
    FROM usage_user_1d
    WHERE zone = $zone AND day >= $first_day AND day <= $last_day AND ($platform IS NULL OR platform = $platform)
    GROUP BY user_id
),
ranked AS (
    SELECT *, row_number() OVER (ORDER BY cost_usd DESC, requests DESC, user_id) > $most AS is_other FROM users
),
named AS (
    SELECT *, CASE WHEN is_other THEN '(others)' WHEN user_id <> '(none)' THEN user_id END AS label FROM ranked
)
SELECT
    label, grouping(label) = 1 AS is_total,
    coalesce(sum(requests), 0)::BIGINT AS requests, coalesce(sum(tokens), 0)::BIGINT AS tokens, coalesce(sum(images), 0)::BIGINT AS images,
    coalesce(sum(characters), 0)::BIGINT AS characters, coalesce(sum(cost_usd), 0)::DECIMAL(18, 9) AS cost_usd,
    coalesce(sum(unpriced_requests), 0)::BIGINT AS unpriced_requests, max(last_at) AS last_at
FROM named
GROUP BY GROUPING SETS ((label), ())
ORDER BY is_total, coalesce(label = '(others)', false), cost_usd DESC, requests DESC, label NULLS LAST
