-- Every rate that was ever resolved.
SELECT provider, model, platform, unit, valid_from, usd_per_unit FROM rates ORDER BY provider, model, platform, unit, valid_from, resolved_at
