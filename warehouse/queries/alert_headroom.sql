-- What limits had left, as measured in (since, until] and stored by `read_to`, in order.
SELECT *, coalesce(stored_at, as_of) AS arrived_at
FROM headroom
WHERE as_of > $since::TIMESTAMPTZ AND as_of <= $until::TIMESTAMPTZ AND coalesce(stored_at, as_of) <= $read_to::TIMESTAMPTZ
  AND ($platforms::VARCHAR[] IS NULL OR list_contains($platforms::VARCHAR[], platform))
ORDER BY limit_id, as_of
