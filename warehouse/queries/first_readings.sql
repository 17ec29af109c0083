-- The sources whose history is being read for the first time: some stream of theirs was never read to its end, and pages of it came in since an instant.
SELECT DISTINCT source
FROM (
    SELECT source, stream, bool_or(caught_up) AS was_whole, max(recorded_at) AS newest_at
    FROM cursors
    GROUP BY source, stream
)
WHERE NOT was_whole AND newest_at >= $since
