-- The first day of business data of a platform, and its first call.
SELECT (SELECT min(day) FROM business_days WHERE platform = $platform) AS first_business_day,
       (SELECT min(bucket) FROM usage_15m WHERE platform = $platform) AS first_call_at
