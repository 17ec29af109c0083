-- What still waits before the history of these sources is whole: streams not yet read to their end, and changed buckets before an instant
-- that are not rolled up.
SELECT
    (SELECT count(*) FROM (SELECT source, stream, arg_max(caught_up, recorded_at) AS done FROM cursors
        WHERE list_contains($sources::VARCHAR[], source) GROUP BY source, stream) WHERE NOT done)
    + (SELECT count(*) FROM dirty_buckets WHERE bucket < $before) AS waiting,
    (SELECT count(*) FROM cursors WHERE list_contains($sources::VARCHAR[], source)) AS sources
