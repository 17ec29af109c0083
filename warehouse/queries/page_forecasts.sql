-- The newest live forecast of every target, whether it says something or refuses. All targets are fitted together: one two days behind is no longer forecast.
SELECT *
FROM forecast_runs
WHERE made = 'live'
    AND fitted_at >= (SELECT max(fitted_at) FROM forecast_runs WHERE made = 'live') - INTERVAL 2 DAY
    AND ($platform::VARCHAR IS NULL OR platform = $platform)
QUALIFY row_number() OVER (PARTITION BY target ORDER BY fitted_at DESC, run_id DESC) = 1
ORDER BY platform, target
