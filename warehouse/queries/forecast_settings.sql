-- Since when a platform is known (usage, and readings of its series), in whole hours: it moves when history is back-filled.
SELECT
    (SELECT min(bucket) FROM usage_15m WHERE platform = $platform) AS usage_from,
    (SELECT min(bucket) FROM samples_1h WHERE series_id IN (SELECT series_id FROM series WHERE platform = $platform)) AS samples_from
