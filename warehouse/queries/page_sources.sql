-- How far each source's streams have been read: the newest cursor of each.
SELECT source, stream, read_to, oldest_at, newest_at, caught_up, recorded_at
FROM cursors
QUALIFY row_number() OVER (PARTITION BY source, stream ORDER BY recorded_at DESC) = 1
ORDER BY source, stream
