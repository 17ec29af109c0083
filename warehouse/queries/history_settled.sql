-- What still waits before the history of these sources is whole: streams not yet read to their end, and changed buckets before an instant
-- that are not rolled up. `began_at`: when the first of them was read at all; `whole_at`: when the last had once been read to its end, as far
-- as is still known (null: one never was).
WITH streams AS (
    SELECT
        source, stream, arg_max(caught_up, recorded_at) AS done, min(recorded_at) AS began_at,
        min(recorded_at) FILTER (WHERE caught_up) AS whole_at
    FROM cursors
    WHERE list_contains($sources::VARCHAR[], source)
    GROUP BY source, stream
)
SELECT
    (SELECT count(*) FROM streams WHERE NOT done) + (SELECT count(*) FROM dirty_buckets WHERE bucket < $before) AS waiting,
    (SELECT count(*) FROM streams) AS sources,
    (SELECT min(began_at) FROM streams) AS began_at,
    (SELECT CASE WHEN count(*) = count(whole_at) THEN max(whole_at) END FROM streams) AS whole_at
