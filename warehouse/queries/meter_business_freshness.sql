-- Cursors of one instant are stored a microsecond apart, hence the millisecond.
-- When a platform's business days were last read (the slowest of its sources that are read; NULL for pushed ones), when one last came, and the first day there is.
WITH known AS (
    SELECT source, max(ingested_at) AS came_at, min(day) AS first_day FROM business_days WHERE platform = $platform GROUP BY source
), reads AS (
    SELECT source, max(recorded_at) AS read_at
    FROM cursors
    WHERE stream = 'business' AND source IN (SELECT source FROM known) AND recorded_at <= $now::TIMESTAMPTZ + INTERVAL 1 MILLISECOND
    GROUP BY source
)
SELECT (SELECT min(least(read_at, $now::TIMESTAMPTZ)) FROM reads) AS read_at, (SELECT max(came_at) FROM known) AS came_at, (SELECT min(first_day) FROM known) AS first_day
