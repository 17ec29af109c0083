-- How many claims are stored by how they were made, of these platforms.
SELECT platform, made, count(*)::BIGINT AS claims FROM forecast_claims GROUP BY platform, made ORDER BY platform, made
