-- When each platform was forecast last.
SELECT platform, max(fitted_at) AS fitted_at FROM forecast_runs WHERE made = 'live' GROUP BY platform ORDER BY platform
