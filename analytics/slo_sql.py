"""The SQL behind burn rates: how far counters rose, what gauges read and which minutes failed, in several windows at once, of what had arrived.

Every row read was stored by `$read_to`, so the same question gives the same answer later. Windows reach back from `$at`: (at - span, at].
"""

from __future__ import annotations

MATCHED = """
WITH leaves AS (
    SELECT unnest($leaf::INTEGER[]) AS leaf, unnest($slo::INTEGER[]) AS slo, unnest($role::VARCHAR[]) AS role, unnest($platform::VARCHAR[]) AS platform,
        unnest($name::VARCHAR[]) AS name, unnest($component::VARCHAR[]) AS component, unnest($labels::VARCHAR[][]) AS labels,
        unnest($op::VARCHAR[]) AS op, unnest($line::DOUBLE[]) AS line
), named AS (
    SELECT series_id, any_value(platform) AS platform, any_value(name) AS name, any_value(component) AS component, any_value(labels) AS labels,
        min(seen_at) AS seen_at
    FROM series
    WHERE (platform, name) IN (SELECT (platform, name) FROM leaves)
    GROUP BY series_id
), matched AS (
    SELECT leaf, slo, role, op, line, series_id, seen_at, concat_ws(chr(31), named.component, named.labels['instance'], named.labels['pod'],
        named.labels['host'], named.labels['node'], named.labels['replica']) AS target
    FROM leaves JOIN named ON named.platform = leaves.platform AND named.name = leaves.name
        AND (leaves.component IS NULL OR leaves.component = named.component)
        AND list_has_all(list_transform(map_entries(named.labels), e -> e.key || chr(31) || e.value), leaves.labels)
), spans AS (
    SELECT unnest($span_slo::INTEGER[]) AS slo, unnest($span_us::BIGINT[]) AS span_us
), points AS (
    SELECT series_id, observed_at, value
    FROM samples
    WHERE series_id IN (SELECT series_id FROM matched) AND observed_at > $since::TIMESTAMPTZ AND observed_at <= $at::TIMESTAMPTZ
      AND ingested_at <= $read_to::TIMESTAMPTZ AND value IS NOT NULL AND isfinite(value)
)
"""

RISES = (
    MATCHED
    + """
-- A counter that fell was reset and began again at 0. One that was not there while others of the indicator were read from the same target began
-- at 0 as well: its first value is a rise, for otherwise the first failure of all would count nothing. After an hour of silence nobody knows when
-- it rose: that counts nothing.
, paired AS (
    SELECT series_id, observed_at, value, lag(value) OVER w AS before, lag(observed_at) OVER w AS before_at
    FROM points WINDOW w AS (PARTITION BY series_id ORDER BY observed_at)
), births AS (
    SELECT m.leaf, p.series_id, p.observed_at
    FROM paired AS p JOIN matched AS m USING (series_id)
    WHERE p.before_at IS NULL AND m.seen_at >= p.observed_at - INTERVAL 1 MINUTE
      AND EXISTS (FROM points AS q JOIN matched AS n USING (series_id) WHERE n.slo = m.slo AND n.target = m.target
        AND q.observed_at >= p.observed_at - INTERVAL 1 HOUR AND q.observed_at < p.observed_at)
), rises AS (
    SELECT m.leaf, m.slo, m.role, p.observed_at,
        CASE
            WHEN b.observed_at IS NOT NULL THEN p.value
            WHEN p.before_at IS NULL OR p.before_at < p.observed_at - INTERVAL 1 HOUR THEN 0
            WHEN p.value < p.before THEN p.value
            ELSE p.value - p.before
        END AS rise
    FROM paired AS p JOIN matched AS m USING (series_id)
    LEFT JOIN births AS b ON b.leaf = m.leaf AND b.series_id = p.series_id AND b.observed_at = p.observed_at
), newest AS (
    SELECT slo, role, max(observed_at) AS newest FROM rises GROUP BY slo, role
), edges AS (
    -- Good and total may have been read a moment apart: both count to the last instant at which both were known.
    SELECT slo, min(newest) FILTER (newest > top - INTERVAL 5 MINUTE) AS edge
    FROM newest JOIN (SELECT slo, max(newest) AS top FROM newest GROUP BY slo) USING (slo)
    GROUP BY slo
)
"""
)

COUNTERS = (
    RISES
    + """
SELECT r.slo, r.role, s.span_us, sum(r.rise) AS amount, max(r.observed_at) AS newest
FROM rises AS r JOIN edges AS e USING (slo) JOIN spans AS s USING (slo)
WHERE r.observed_at <= e.edge AND r.observed_at > e.edge - to_microseconds(s.span_us)
GROUP BY ALL
"""
)
"""How far the counters of each role rose in each window that ends at the newest instant all are known at."""

COUNTER_SLICES = (
    RISES
    + """
SELECT r.slo, r.role, (epoch_us(e.edge) - epoch_us(r.observed_at)) // $slice_us::BIGINT AS slice, sum(r.rise) AS amount, max(r.observed_at) AS newest
FROM rises AS r JOIN edges AS e USING (slo)
WHERE r.observed_at <= e.edge
GROUP BY ALL
"""
)
"""The same by slices of `$slice_us`, numbered back from the newest instant."""

JUDGED = """
, judged AS (
    SELECT m.slo, m.role, p.observed_at, p.value,
        CASE m.op WHEN 'lt' THEN value < line WHEN 'lte' THEN value <= line WHEN 'gt' THEN value > line WHEN 'gte' THEN value >= line
            WHEN 'sum' THEN true END AS good
    FROM points AS p JOIN matched AS m USING (series_id)
)
"""

READINGS = (
    MATCHED
    + JUDGED
    + """
SELECT j.slo, j.role, s.span_us, sum(j.value) AS amount, count(*) AS readings, count(*) FILTER (NOT j.good) AS bad,
    min(j.value) AS least, max(j.value) AS most, max(j.observed_at) AS newest
FROM judged AS j JOIN spans AS s USING (slo)
WHERE j.observed_at > $at::TIMESTAMPTZ - to_microseconds(s.span_us)
GROUP BY ALL
"""
)
"""What readings add up to, how many there are and how many are not good, in each window."""

READING_SLICES = (
    MATCHED
    + JUDGED
    + """
SELECT slo, role, (epoch_us($at::TIMESTAMPTZ) - epoch_us(observed_at)) // $slice_us::BIGINT AS slice, sum(value) AS amount, count(*) AS readings,
    count(*) FILTER (NOT good) AS bad, min(value) AS least, max(value) AS most, max(observed_at) AS newest
FROM judged
GROUP BY ALL
"""
)

FAILING = """
-- What Roomleft says of its own looks at a source is no answer of the platform, unless a meter names the check.
WITH leaves AS (
    SELECT unnest($slo::INTEGER[]) AS slo, unnest($platform::VARCHAR[]) AS platform, unnest($components::VARCHAR[][]) AS components,
        unnest($checks::VARCHAR[][]) AS checks, unnest($minutes::BIGINT[]) AS minutes
), own AS (
    SELECT DISTINCT platform, substr(labels['source'], length(platform) + 2) AS name, labels['stream'] AS kind
    FROM series
    WHERE component = 'collector' AND name = 'up' AND starts_with(labels['source'], platform || '.')
), answers AS (
    SELECT l.slo, l.minutes, h.observed_at, h.status = 'fail' AS failed
    FROM health_checks AS h JOIN leaves AS l ON l.platform = h.platform AND list_contains(l.components, h.component)
        AND (l.checks IS NULL OR list_contains(l.checks, h.check_name))
    WHERE h.observed_at > $since::TIMESTAMPTZ AND h.observed_at <= $at::TIMESTAMPTZ AND h.ingested_at <= $read_to::TIMESTAMPTZ
      AND h.status <> 'unknown'
      AND (l.checks IS NOT NULL OR NOT EXISTS (
        FROM own WHERE own.platform = h.platform AND (h.check_name IN ('reads ' || own.name, 'clock of ' || own.name)
            OR (own.kind = 'prometheus-server' AND regexp_full_match(h.check_name, 'query [a-z0-9_]+')))))
), looked AS (
    SELECT slo, minutes, date_trunc('minute', observed_at) AS minute, bool_or(failed) AS failed, min(observed_at) AS newest FROM answers GROUP BY ALL
), stood AS (
    SELECT slo, minute + to_minutes(k) AS minute, bool_or(failed) AS failed, max(newest) AS newest
    FROM looked, LATERAL (SELECT unnest(range(minutes)) AS k)
    WHERE minute + to_minutes(k) <= $at::TIMESTAMPTZ
    GROUP BY 1, 2
)
"""

MINUTES = (
    FAILING
    + """
, spans AS (SELECT unnest($span_slo::INTEGER[]) AS slo, unnest($span_us::BIGINT[]) AS span_us)
SELECT slo, span_us, count(*) FILTER (failed) AS bad, count(*) AS total, max(newest) AS newest
FROM stood JOIN spans USING (slo)
WHERE minute > $at::TIMESTAMPTZ - to_microseconds(span_us)
GROUP BY ALL
"""
)
"""The minutes in which a check failed, and the minutes in which any answered; each answer stands for `minutes` of them."""

MINUTE_SLICES = (
    FAILING
    + """
SELECT slo, (epoch_us($at::TIMESTAMPTZ) - epoch_us(minute)) // $slice_us::BIGINT AS slice, count(*) FILTER (failed) AS bad, count(*) AS total,
    max(newest) AS newest
FROM stood
GROUP BY ALL
"""
)

SEEN = """
SELECT unnest($name::VARCHAR[]) AS name, unnest($platform::VARCHAR[]) AS platform
INTERSECT
SELECT name, platform FROM series
"""
"""Which names any series of their platform has."""

USED = """
SELECT unnest($span_us::BIGINT[]) AS span_us, unnest([{sums}]) AS amount
FROM (
    SELECT {columns}
    FROM ai_usage
    WHERE platform = $usage_platform AND occurred_at > $since::TIMESTAMPTZ AND occurred_at <= $at::TIMESTAMPTZ AND ingested_at <= $read_to::TIMESTAMPTZ
      {filters}
)
"""

USED_FRESH = """
SELECT greatest(
    (SELECT max(occurred_at) FROM ai_usage
     WHERE platform = $platform AND occurred_at > $since::TIMESTAMPTZ AND occurred_at <= $at::TIMESTAMPTZ AND ingested_at <= $read_to::TIMESTAMPTZ),
    (SELECT max(observed_at) FROM samples
     WHERE value = 1 AND observed_at > $since::TIMESTAMPTZ AND observed_at <= $at::TIMESTAMPTZ AND ingested_at <= $read_to::TIMESTAMPTZ
       AND series_id IN (SELECT series_id FROM series
         WHERE platform = $platform AND component = 'collector' AND name = 'up' AND labels['stream'] = 'usage'))
) AS newest
"""
"""Until when a platform's usage is known: its newest call, or the last look that worked at a source of it."""
