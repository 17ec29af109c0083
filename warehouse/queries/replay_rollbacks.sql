-- Releases that were rolled back, from the deploy to its rollback.
SELECT back.platform, coalesce(back.component, '') AS component, back.deployed_at AS ended,
    (SELECT max(bad.deployed_at) FROM deploys AS bad
     WHERE bad.platform = back.platform AND coalesce(bad.component, '') = coalesce(back.component, '')
       AND bad.kind <> 'rollback' AND bad.deployed_at < back.deployed_at) AS started
FROM deploys AS back
WHERE back.kind = 'rollback' AND back.deployed_at >= $since AND back.deployed_at < $until
ORDER BY ended
