-- How many minutes has the deployment that is down the longest been without a reading of 1? 0 while every deployment was up when last seen.
-- At the first reading of 0 this is the time since the one before, so above 1 the deployment has been down for more than a minute for sure.
WITH deployments AS (
    SELECT DISTINCT series_id FROM series WHERE platform = 'arena' AND component = 'convex_pool' AND name = 'deployment_up'
),
seen AS (
    SELECT series_id, max(observed_at) AS newest,
        coalesce(max(observed_at) FILTER (WHERE value > 0), min(observed_at)) AS last_up
    FROM samples JOIN deployments USING (series_id)
    WHERE observed_at >= $window_start AND observed_at < $window_end AND isfinite(value)
    GROUP BY series_id
)
SELECT max(epoch(newest - last_up)) / 60 AS value, max(newest) AS observed_at FROM seen
