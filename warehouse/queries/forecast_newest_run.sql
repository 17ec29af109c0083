-- The newest live run: its id and when it was fitted; no row before the first.
SELECT run_id, fitted_at FROM forecast_runs WHERE made = 'live' ORDER BY fitted_at DESC, run_id DESC LIMIT 1
