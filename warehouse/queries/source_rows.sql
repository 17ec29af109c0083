-- How many readings came in since an hour's start by component and source, and how many usage rows by source: what the list of sources shows.
WITH known AS (
    SELECT DISTINCT ON (series_id) series_id, platform, component, coalesce(labels['source'], '') AS source, starts_with(name, 'promql:') AS asked
    FROM series
    WHERE component <> 'collector'
)
SELECT known.platform, known.component, known.source, known.asked, sum(rolled.count)::BIGINT AS row_count,
    count(DISTINCT rolled.series_id) AS series_count
FROM samples_1h AS rolled
JOIN known USING (series_id)
WHERE rolled.bucket >= $since
GROUP BY ALL
UNION ALL
SELECT platform, NULL, source, false, count(*), 0
FROM ai_usage
WHERE ingested_at >= $since
GROUP BY ALL
ORDER BY ALL
