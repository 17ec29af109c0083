-- Every rate that a pack may have brought: what a contract gave a platform, or its own servers' tokens were measured at, is none of them.
SELECT provider, model, platform, unit, coalesce(context, '') AS context, coalesce(input_over, 0) AS input_over, valid_from, usd_per_unit
FROM rates
WHERE NOT starts_with(catalogue, 'contract') AND NOT starts_with(catalogue, 'measured') AND NOT starts_with(catalogue, 'estimate')
ORDER BY provider, model, platform, unit, valid_from, resolved_at
