-- Claims whose time is over, the newest first: what was said, what came, how good it was.
SELECT
    c.claim_id, c.made, c.platform, c.target, c.subject, c.metric, c.claim, c.horizon_days, c.said_at, c.about_from, c.about_to,
    c.amount, c.probability, c.low, c.middle, c.high, c.naive, r.unit,
    any_value(s.outcome) AS outcome,
    max(s.score) FILTER (s.measure = 'covered') AS covered,
    max(s.score) FILTER (s.measure = 'brier') AS brier,
    max(s.score) FILTER (s.measure = 'pinball') AS pinball,
    max(s.score) FILTER (s.measure = 'error') AS error,
    max(s.score) FILTER (s.measure = 'naive_error') AS naive_error,
    max(s.score) FILTER (s.measure = 'bias') AS bias,
    max(s.scored_at) AS scored_at
FROM forecast_scores s
JOIN forecast_claims c ON c.claim_id = s.claim_id
LEFT JOIN (SELECT target, any_value(unit) AS unit FROM forecast_runs GROUP BY target) r ON r.target = c.target
WHERE ($platform::VARCHAR IS NULL OR c.platform = $platform) AND ($made::VARCHAR IS NULL OR c.made = $made)
GROUP BY ALL
ORDER BY c.about_to DESC, c.said_at DESC, c.claim_id
LIMIT $most
