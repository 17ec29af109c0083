-- Counted event by event against the definition. A call that did not fail and whose latency nobody measured says nothing about
-- a latency objective: it is neither good nor bad.
INSERT INTO slo_1m BY NAME
WITH judged AS (
    SELECT
        s.slo, p.minute, p.requests,
        list_contains(s.bad_statuses, p.status) OR coalesce(p.latency_ms > s.bad_over_ms, false) AS bad,
        s.bad_over_ms IS NULL OR p.latency_ms IS NOT NULL AS measured
    FROM priced AS p
    JOIN slos AS s
        ON s.platform = p.platform AND coalesce(s.provider = p.provider, s.provider IS NULL) AND coalesce(s.model = p.model, s.model IS NULL)
        AND coalesce(s.request_type = p.request_type, s.request_type IS NULL)
    WHERE p.quarter IN (SELECT quarter FROM todo)
)
SELECT
    slo, make_timestamptz(minute * 60000000) AS minute,
    coalesce(sum(requests) FILTER (NOT bad), 0)::BIGINT AS good, coalesce(sum(requests) FILTER (bad), 0)::BIGINT AS bad
FROM judged
WHERE bad OR measured
GROUP BY ALL
