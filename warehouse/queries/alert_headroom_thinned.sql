-- What limits had left, as measured in (since, until]: the last row of each five minutes.
SELECT *, as_of AS arrived_at
FROM headroom
WHERE as_of > $since::TIMESTAMPTZ AND as_of <= $until::TIMESTAMPTZ AND list_contains($platforms::VARCHAR[], platform)
QUALIFY row_number() OVER (PARTITION BY limit_id, time_bucket(INTERVAL 5 MINUTE, as_of) ORDER BY as_of DESC) = 1
ORDER BY limit_id, as_of
