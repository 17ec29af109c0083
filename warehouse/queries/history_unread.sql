-- Whether usage of [since, until) is still to come from these sources: their usage streams not read to the end whose unread part lies in it, or
-- changed buckets of it from before an instant that are not summed.
WITH newest AS (
    SELECT source, stream, read_from, read_to, oldest_at, caught_up
    FROM cursors
    WHERE list_contains($sources::VARCHAR[], source) AND (contains(source, '.') OR stream = 'usage')
    QUALIFY row_number() OVER (PARTITION BY source, stream ORDER BY recorded_at DESC, rowid DESC) = 1
)
SELECT EXISTS (
        SELECT 1 FROM newest
        WHERE NOT caught_up AND (oldest_at IS NULL OR $until > oldest_at)
            AND (read_to IS NULL OR $until > read_to OR (read_from IS NOT NULL AND $since < read_from))
    ) OR EXISTS (SELECT 1 FROM dirty_buckets WHERE bucket >= $since AND bucket < $until AND bucket < $before) AS unread
