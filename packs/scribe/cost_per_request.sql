-- How many times as much does an AI request for text cost in the last hour as in the day before?
-- No row while either has no priced request: then nothing can be compared.
WITH asked AS (
    SELECT bucket >= $at - INTERVAL 1 HOUR AS recent, sum(cost_usd) AS usd, sum(requests) AS requests
    FROM usage_15m
    WHERE platform = 'scribe' AND request_type <> 'image' AND status = 'ok'
      AND bucket >= $at - INTERVAL 25 HOUR AND bucket < $at
    GROUP BY ALL
)
SELECT (newest.usd / newest.requests) / (usual.usd / usual.requests) AS value
FROM asked AS newest, asked AS usual
WHERE newest.recent AND NOT usual.recent AND newest.usd > 0 AND usual.usd > 0
