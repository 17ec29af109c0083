-- When the first of what was said beforehand and is not over yet is over.
SELECT min(c.about_to) AS first_at
FROM forecast_claims c
ANTI JOIN forecast_scores s ON s.claim_id = c.claim_id
WHERE c.made = 'live' AND c.about_to > $now AND ($platform::VARCHAR IS NULL OR c.platform = $platform)
