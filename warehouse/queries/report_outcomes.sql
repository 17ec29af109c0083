-- Which forecasts of a total or a level came due in [since, until), and what came? One row a subject: the one said nearest to a week ahead,
-- of those said beforehand if there is any, else of rolling origins.
WITH due AS (
    SELECT c.*, s.outcome
    FROM forecast_claims c
    JOIN (SELECT claim_id, any_value(outcome) AS outcome FROM forecast_scores WHERE measure = 'covered' GROUP BY claim_id) s USING (claim_id)
    WHERE c.claim IN ('total', 'level') AND c.about_to > $since AND c.about_to <= $until
      AND c.low IS NOT NULL AND c.middle IS NOT NULL AND c.high IS NOT NULL
)
SELECT d.claim_id, d.platform, d.subject, d.metric, d.claim, d.made, r.unit, d.horizon_days, d.about_from, d.about_to, d.said_at,
       d.low, d.middle, d.high, d.outcome
FROM due d
JOIN (SELECT run_id, target, any_value(unit) AS unit FROM forecast_runs GROUP BY run_id, target) r USING (run_id, target)
QUALIFY row_number() OVER (
    PARTITION BY d.subject
    ORDER BY (d.made <> 'live'), abs(epoch(d.about_to - d.said_at) / 86400 - 7), d.about_to DESC, d.claim_id
) = 1
ORDER BY (d.metric <> 'budget'), d.platform, d.subject
