-- Whether a limit of the platform was measured over a history that had been read and rolled up to its end.
SELECT EXISTS (
    SELECT 1 FROM headroom
    WHERE platform = $platform AND as_of > $since::TIMESTAMPTZ AND as_of <= $until::TIMESTAMPTZ AND used IS NOT NULL
      AND basis NOT IN ('', $half_read) AND NOT starts_with(basis, $failed)
) AS was_whole
