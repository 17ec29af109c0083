-- When a price of a model that a platform uses changed within [since, until): a rate that takes another's place, not the first one of all.
WITH used AS (
    SELECT DISTINCT provider, model FROM usage_15m WHERE platform = $platform AND bucket >= $since::TIMESTAMPTZ
), dated AS (
    SELECT provider, model, platform, unit, context, input_over, valid_from, any_value(usd_per_unit) AS usd
    FROM rates JOIN used USING (provider, model)
    WHERE platform IN ('', $platform)
    GROUP BY provider, model, platform, unit, context, input_over, valid_from
), changed AS (
    SELECT valid_from, usd, lag(usd) OVER (PARTITION BY provider, model, platform, unit, context, input_over ORDER BY valid_from) AS before FROM dated
)
SELECT DISTINCT valid_from FROM changed
WHERE before IS NOT NULL AND before <> usd AND valid_from >= $since::TIMESTAMPTZ AND valid_from < $until::TIMESTAMPTZ
ORDER BY valid_from
