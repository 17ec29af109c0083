-- AI calls of a platform in [since, until) by quarter hour: how many, how many failed.
SELECT
    bucket AS bucket_start,
    sum(requests)::BIGINT AS requests,
    coalesce(sum(requests) FILTER (status <> 'ok'), 0)::BIGINT AS failed_requests,
    max(last_at) AS last_at
FROM usage_15m
WHERE bucket >= $since AND bucket < $until AND platform = $platform
GROUP BY 1
ORDER BY 1
