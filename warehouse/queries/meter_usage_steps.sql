-- The same in each quarter hour that saw any use.
SELECT bucket AS step_at,
    sum(requests)::BIGINT AS requests,
    sum(input_uncached_tokens + cache_read_tokens + cache_write_tokens + output_tokens)::BIGINT AS tokens,
    sum(images)::BIGINT AS images, sum(characters)::BIGINT AS characters, sum(audio_seconds)::DECIMAL(18, 3) AS audio_seconds,
    sum(cost_usd)::DECIMAL(18, 9) AS cost_usd, sum(unpriced_requests)::BIGINT AS unpriced_requests
FROM usage_15m
WHERE platform = $platform AND bucket >= $since::TIMESTAMPTZ AND bucket < $until::TIMESTAMPTZ
  AND ($components::VARCHAR[] IS NULL OR list_contains($components::VARCHAR[], component))
  AND ($providers::VARCHAR[] IS NULL OR list_contains($providers::VARCHAR[], provider))
  AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
  AND ($request_types::VARCHAR[] IS NULL OR list_contains($request_types::VARCHAR[], request_type))
  AND ($tiers::VARCHAR[] IS NULL OR list_contains($tiers::VARCHAR[], tier))
  AND ($statuses::VARCHAR[] IS NULL OR list_contains($statuses::VARCHAR[], status))
  AND ($features::VARCHAR[] IS NULL OR list_contains($features::VARCHAR[], feature))
  AND ($teams::VARCHAR[] IS NULL OR list_contains($teams::VARCHAR[], team))
  AND ($projects::VARCHAR[] IS NULL OR list_contains($projects::VARCHAR[], project))
  AND ($environments::VARCHAR[] IS NULL OR list_contains($environments::VARCHAR[], environment))
  AND ($cost_centres::VARCHAR[] IS NULL OR list_contains($cost_centres::VARCHAR[], cost_centre))
  AND ($api_keys::VARCHAR[] IS NULL OR list_contains($api_keys::VARCHAR[], api_key_hash))
GROUP BY bucket
ORDER BY bucket
