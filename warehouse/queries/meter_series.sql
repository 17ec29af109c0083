-- Every series of a platform, once.
SELECT series_id, any_value(component) AS component, any_value(name) AS name, any_value(labels) AS labels
FROM series
WHERE platform = $platform
GROUP BY series_id
ORDER BY series_id
