-- How far every stream ever tried has been read, when a read last worked, and what was last wrong with it.
-- The streams are known by their `up` series, which every read adds to, whether it worked or not.
WITH tried AS (
    SELECT DISTINCT series_id, platform, labels['source'] AS source, labels['stream'] AS stream
    FROM series
    WHERE component = 'collector' AND name = 'up'
), reads AS (
    SELECT samples.series_id, max(observed_at) FILTER (value = 1) AS last_success_at, max(observed_at) AS last_tried_at,
        arg_max(value, observed_at) = 1 AS up
    FROM samples
    JOIN tried USING (series_id)
    WHERE observed_at >= $since AND observed_at <= $now
    GROUP BY samples.series_id
), newest AS (
    SELECT source, stream, position, read_from, read_to, oldest_at, newest_at, caught_up, recorded_at
    FROM cursors
    QUALIFY row_number() OVER (PARTITION BY source, stream ORDER BY recorded_at DESC, rowid DESC) = 1
), faults AS (
    SELECT platform, check_name, arg_max(words, observed_at) AS words
    FROM health_checks
    WHERE (component = 'collector' OR check_name LIKE 'reads %') AND status = 'fail' AND observed_at >= $since AND observed_at <= $now
    GROUP BY platform, check_name
)
SELECT tried.platform, tried.source, tried.stream, newest.read_from, newest.read_to, newest.oldest_at, newest.newest_at,
    coalesce(newest.caught_up, false) AS caught_up, greatest(CASE WHEN newest.position <> '' THEN newest.recorded_at END, reads.last_success_at) AS last_success_at,
    reads.last_tried_at, coalesce(reads.up, false) AS up, faults.words AS last_error
FROM tried
LEFT JOIN reads USING (series_id)
LEFT JOIN newest ON newest.source = tried.source AND newest.stream = tried.stream
LEFT JOIN faults ON faults.platform = tried.platform
    -- A platform's own API is checked by stream (`read usage`); a source of its pack, `slug.name`, as a whole (`reads name`).
    AND faults.check_name = CASE WHEN starts_with(tried.source, tried.platform || '.')
        THEN 'reads ' || substr(tried.source, length(tried.platform) + 2) ELSE 'read ' || tried.stream END
ORDER BY tried.platform, tried.source, tried.stream
