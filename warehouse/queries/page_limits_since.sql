-- Since when each limit that is not ok has been in its present state: its first measurement after the last one in another state. A limit
-- that was never, but for while its history was being read, measured in another known state since $since has been so for longer than anyone looked: `began_before`.
WITH newest AS (
    SELECT limit_id, state
    FROM headroom
    WHERE as_of >= (SELECT max(as_of) FROM headroom) - INTERVAL 1 DAY
    QUALIFY row_number() OVER (PARTITION BY limit_id ORDER BY as_of DESC) = 1
),
troubled AS (
    SELECT * FROM newest WHERE state <> 'ok'
),
past AS (
    SELECT h.limit_id, h.as_of, h.state = t.state AS same, h.state NOT IN (t.state, 'unknown') AND NOT starts_with(h.basis, 'no pace: history') AS differs
    FROM headroom AS h JOIN troubled AS t ON h.limit_id = t.limit_id
    WHERE h.as_of >= $since
),
other AS (
    SELECT limit_id, max(as_of) AS last_at, bool_or(differs) AS differed FROM past WHERE NOT same GROUP BY limit_id
)
SELECT p.limit_id, min(p.as_of) AS begun_at, NOT coalesce(bool_or(o.differed), false) AS began_before
FROM past AS p LEFT JOIN other AS o ON p.limit_id = o.limit_id
WHERE p.same AND (o.last_at IS NULL OR p.as_of > o.last_at)
GROUP BY p.limit_id
ORDER BY p.limit_id
