-- Every rate of a platform's own that was ever resolved.
SELECT provider, model, platform, unit, coalesce(context, '') AS context, coalesce(input_over, 0) AS input_over, valid_from, usd_per_unit
FROM rates ORDER BY provider, model, platform, unit, valid_from, resolved_at
