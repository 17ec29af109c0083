-- When a platform's usage began and the newest event that is rolled up.
SELECT min(bucket) AS first_at, max(last_at) AS last_at FROM usage_15m WHERE platform = $platform
