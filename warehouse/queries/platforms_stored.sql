-- The platforms that anything is stored of.
SELECT DISTINCT platform FROM series WHERE component <> 'collector'
UNION
SELECT DISTINCT platform FROM ai_usage
UNION
SELECT DISTINCT platform FROM business_days
ORDER BY platform
