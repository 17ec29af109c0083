-- What was said and what happened, of scored chances, in tenths of what was said.
SELECT
    c.made, least(floor(c.probability * 10), 9)::BIGINT AS tenth, count(*)::BIGINT AS claims, avg(c.probability) AS said, avg(s.outcome) AS happened
FROM forecast_claims AS c JOIN forecast_scores AS s ON s.claim_id = c.claim_id
WHERE s.measure = 'brier' AND ($platforms::VARCHAR[] IS NULL OR list_contains($platforms::VARCHAR[], c.platform)) AND c.said_at >= $since::TIMESTAMPTZ
GROUP BY c.made, tenth
ORDER BY c.made, tenth
