-- Claims that speak of a time that is over by `until` and were not scored yet, of those over since `since`.
SELECT c.*
FROM forecast_claims AS c
WHERE c.about_to <= $until::TIMESTAMPTZ AND c.about_to > $since::TIMESTAMPTZ AND c.made = 'live'
  AND NOT EXISTS (FROM forecast_scores AS s WHERE s.claim_id = c.claim_id)
ORDER BY c.about_to, c.claim_id
LIMIT 50000
