-- The prices in force at $at, one a unit and whom and what it holds for; with $price, every row of those price ids whether in force or not.
WITH ranked AS (
    SELECT
        *,
        valid_from <= $at AND (valid_to IS NULL OR valid_to > $at) AS covers,
        row_number() OVER (
            PARTITION BY
                provider, model, platform, unit, coalesce(context, ''), coalesce(input_over, 0), minute_from, minute_to,
                valid_from <= $at AND (valid_to IS NULL OR valid_to > $at)
            -- A platform's own price before a contract's, then the one valid since later, then the one resolved later.
            ORDER BY starts_with(catalogue, 'contract'), valid_from DESC, resolved_at DESC, price_id DESC
        ) AS place
    FROM rates
)
SELECT
    price_id, provider, model, platform, unit, usd_per_unit, list_usd_per_unit, coalesce(context, '') AS service_class,
    coalesce(input_over, 0) AS input_over, minute_from, minute_to, valid_from, valid_to, catalogue, source, checked_on, resolved_at,
    covers AND place = 1 AS in_force
FROM ranked
WHERE (CASE WHEN len($price::VARCHAR[]) > 0 THEN list_contains($price::VARCHAR[], price_id) ELSE covers AND place = 1 END)
    AND ($platform::VARCHAR IS NULL OR platform IN ('', $platform))
ORDER BY provider, model, platform, service_class, input_over, minute_from NULLS FIRST, unit, valid_from, resolved_at, price_id
