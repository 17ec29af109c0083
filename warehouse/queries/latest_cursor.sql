-- How far has a stream of a source been read? No row: never.
SELECT position, read_to, oldest_at, newest_at, caught_up, read_from, live, recorded_at
FROM cursors
WHERE source = $source AND stream = $stream
ORDER BY recorded_at DESC, rowid DESC
LIMIT 1
