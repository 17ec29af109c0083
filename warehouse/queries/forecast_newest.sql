-- The newest futures of every target, of runs fitted after `known`.
SELECT r.run_id, r.target, r.platform, r.zone, r.shape, r.fitted_at, r.no_date, r.provisional, r.words, r.details, p.first_day, p.draws, p.days, p.futures, p.past
FROM (
    SELECT * FROM forecast_runs WHERE made = 'live' AND fitted_at > $known::TIMESTAMPTZ
    QUALIFY row_number() OVER (PARTITION BY target ORDER BY fitted_at DESC, run_id DESC) = 1
) AS r
JOIN forecast_paths AS p ON p.run_id = r.run_id AND p.target = r.target
ORDER BY r.target
