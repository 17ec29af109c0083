-- The newest scored claims that a range or a chance can be corrected by, with what was told of their run.
WITH came AS (
    SELECT claim_id, any_value(outcome) AS outcome FROM forecast_scores WHERE measure IN ('brier', 'covered') GROUP BY claim_id
)
SELECT c.subject, c.metric, c.claim, c.horizon_days, c.about_to, c.probability, c.low, c.middle, c.high, came.outcome, coalesce(r.details, '{}') AS details
FROM forecast_claims AS c JOIN came USING (claim_id)
LEFT JOIN forecast_runs AS r ON r.run_id = c.run_id AND r.target = c.target
WHERE c.claim <> 'exhausts'
ORDER BY c.said_at DESC, c.claim_id
LIMIT $most
