-- What still waits before history is whole: streams not yet read to their end, and changed buckets before an instant that are not rolled up.
SELECT
    (SELECT count(*) FROM (SELECT source, stream, arg_max(caught_up, recorded_at) AS done FROM cursors GROUP BY source, stream) WHERE NOT done)
    + (SELECT count(*) FROM dirty_buckets WHERE bucket < $before) AS waiting,
    (SELECT count(*) FROM cursors) AS sources
