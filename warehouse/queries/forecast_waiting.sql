-- How many claims of each making wait for their time or their score, how many of all were said, and when the first scored one was said.
SELECT
    c.made, count(*)::BIGINT AS claims, count(*) FILTER (s.claim_id IS NULL AND c.about_to > $now::TIMESTAMPTZ)::BIGINT AS waiting,
    count(*) FILTER (s.claim_id IS NULL AND c.about_to <= $now::TIMESTAMPTZ)::BIGINT AS untold, min(c.said_at) FILTER (s.claim_id IS NOT NULL) AS since
FROM forecast_claims AS c LEFT JOIN (SELECT DISTINCT claim_id FROM forecast_scores) AS s ON s.claim_id = c.claim_id
WHERE ($platforms::VARCHAR[] IS NULL OR list_contains($platforms::VARCHAR[], c.platform)) AND c.said_at >= $since::TIMESTAMPTZ
GROUP BY c.made
ORDER BY c.made
