-- Deploys, launches and rollbacks in [since, until), newest first.
SELECT platform, deploy_id, deployed_at, component, version, title, kind
FROM deploys
WHERE deployed_at >= $since AND deployed_at < $until AND ($platform::VARCHAR IS NULL OR platform = $platform)
QUALIFY row_number() OVER (PARTITION BY platform, deploy_id ORDER BY ingested_at DESC) = 1
ORDER BY deployed_at DESC
LIMIT 200
