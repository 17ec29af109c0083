-- When health checks of these components began.
SELECT min(observed_at) AS first_at FROM health_checks WHERE platform = $platform AND list_contains($components::VARCHAR[], component)
