-- What a run says of each day.
SELECT about_at, about_to, p05, p10, p50, p90, p95
FROM forecast_points
WHERE run_id = $run_id AND target = $target
ORDER BY about_at
