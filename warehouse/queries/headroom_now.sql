-- The newest headroom row of every limit. All limits are measured together, so a limit a day behind the newest row is no longer in a pack.
SELECT *
FROM headroom
WHERE as_of >= (SELECT max(as_of) FROM headroom) - INTERVAL 1 DAY
QUALIFY row_number() OVER (PARTITION BY limit_id ORDER BY as_of DESC) = 1
ORDER BY limit_id
