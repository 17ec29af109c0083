-- Until when a platform's usage is known to be complete. For a source that is read: its last good read once that reached the newest record, else how far it has come.
-- `read_from`: from when on, where a source has not read all its history yet; NULL otherwise.
-- `dirty_since`: rows that arrived from then on are not rolled up yet, NULL when there are none.
WITH reading AS (
    SELECT DISTINCT series_id, labels['source'] AS source
    FROM series
    WHERE platform = $platform AND component = 'collector' AND name = 'up' AND labels['stream'] = 'usage'
), good AS (
    SELECT reading.source, max(observed_at) AS read_at
    FROM samples JOIN reading USING (series_id)
    WHERE value = 1 AND observed_at >= $since::TIMESTAMPTZ AND observed_at <= $now::TIMESTAMPTZ
    GROUP BY reading.source
), cursor_now AS (
    SELECT source, caught_up, coalesce(live, caught_up) AS live, recorded_at, read_from, coalesce(read_to, newest_at) AS come_to
    FROM cursors
    WHERE stream = 'usage' AND (source = $source OR source IN (SELECT source FROM reading)) AND recorded_at <= $now::TIMESTAMPTZ
    QUALIFY row_number() OVER (PARTITION BY source ORDER BY recorded_at DESC, rowid DESC) = 1
)
SELECT
    (SELECT min(CASE WHEN live THEN greatest(recorded_at, good.read_at) ELSE come_to END)
     FROM cursor_now LEFT JOIN good ON good.source = cursor_now.source) AS read_to,
    (SELECT max(read_from) FROM cursor_now WHERE NOT caught_up) AS read_from,
    (SELECT count(*) FROM cursor_now) AS sources,
    (SELECT min(marked_at) FROM dirty_buckets WHERE rollup = 'usage' AND bucket <= $now::TIMESTAMPTZ) AS dirty_since
