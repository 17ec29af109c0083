-- Every series of these names, once.
SELECT series_id, any_value(platform) AS platform, any_value(component) AS component, any_value(name) AS name, any_value(labels) AS labels
FROM series
WHERE list_contains($names::VARCHAR[], name)
GROUP BY series_id
ORDER BY series_id
