-- How scored claims came out, by how they were made, metric, claim and horizon: 1, 7 and 30 days, and of windows the nearest of these.
WITH scored AS (
    SELECT
        c.claim_id, c.made, c.metric, c.claim, CASE WHEN c.horizon_days <= 2 THEN 1 WHEN c.horizon_days <= 14 THEN 7 ELSE 30 END AS horizon_days,
        s.measure, s.score, s.outcome, c.probability
    FROM forecast_claims AS c JOIN forecast_scores AS s ON s.claim_id = c.claim_id
    WHERE ($platforms::VARCHAR[] IS NULL OR list_contains($platforms::VARCHAR[], c.platform)) AND c.said_at >= $since::TIMESTAMPTZ
)
SELECT
    made, metric, claim, horizon_days,
    count(*) FILTER (measure = 'covered')::BIGINT AS ranges, avg(score) FILTER (measure = 'covered') AS coverage,
    avg(score) FILTER (measure = 'bias') AS bias, avg(score) FILTER (measure = 'pinball') AS pinball,
    avg(score) FILTER (measure = 'error' AND claim_id IN (SELECT claim_id FROM scored WHERE measure = 'naive_error')) AS mase,
    avg(score) FILTER (measure = 'naive_error') AS naive_mase,
    count(*) FILTER (measure = 'bias')::BIGINT AS scaled, count(*) FILTER (measure = 'naive_error')::BIGINT AS compared,
    count(*) FILTER (measure = 'brier')::BIGINT AS chances, avg(score) FILTER (measure = 'brier') AS brier,
    avg(outcome) FILTER (measure = 'brier') AS happened, avg(probability) FILTER (measure = 'brier') AS said
FROM scored
GROUP BY made, metric, claim, horizon_days
ORDER BY made, metric, claim, horizon_days
