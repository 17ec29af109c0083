-- When a platform's calls, or one user's, were first and last seen, the tier they were in at last, and what their source hinted each of those in
-- [since, until) might cost: how many hints, and the middle one. Hints are no money and are never added up.
SELECT min(occurred_at) AS first_at, max(occurred_at) AS last_at, arg_max(tier, occurred_at) FILTER (tier IS NOT NULL) AS tier,
    count(cost_hint) FILTER (occurred_at >= $since) AS hints, quantile_cont(cost_hint, 0.5) FILTER (occurred_at >= $since) AS middle_hint
FROM ai_usage
WHERE platform = $platform AND occurred_at < $until AND ($user::VARCHAR IS NULL OR user_id = $user)
