-- How many minutes did a critical incident last on average, of those that ended in the window?
-- An incident is a run of failed checks of the application or the database; answers less than 5 minutes apart belong together.
-- A platform that was checked and never failed recovers in 0 minutes; one that was never checked gives no value.
WITH checks AS (
    SELECT observed_at, status
    FROM health_checks
    WHERE platform = 'scribe' AND component IN ('application', 'database')
      AND observed_at >= $window_start AND observed_at < $window_end
),
failed AS (
    SELECT observed_at, lag(observed_at) OVER (ORDER BY observed_at) AS before
    FROM checks WHERE status = 'fail'
),
numbered AS (
    SELECT observed_at, sum(CASE WHEN before IS NULL OR observed_at - before > INTERVAL 5 MINUTE THEN 1 ELSE 0 END)
        OVER (ORDER BY observed_at ROWS UNBOUNDED PRECEDING) AS incident
    FROM failed
),
incidents AS (
    SELECT epoch(max(observed_at) - min(observed_at)) / 60 + 1 AS minutes FROM numbered GROUP BY incident
)
SELECT
    CASE WHEN (SELECT count(*) FROM checks) = 0 THEN NULL
         ELSE coalesce((SELECT avg(minutes) FROM incidents), 0) END AS value,
    (SELECT max(observed_at) FROM checks) AS observed_at
