-- What does each new event cost? One row an event: row, cost_usd, cost_state, price_id.
-- A price belongs to (provider, model), for one platform or for everyone (''). A platform's own rate wins, unit by unit; then the
-- one valid since later, then the one resolved later. Prices change at edges, so each (provider, model, platform) is cut
-- into stretches within which every rate is constant; an event falls into exactly one.
WITH priced_things AS (
    SELECT provider, model, platform, min(occurred_at) AS first_at, max(occurred_at) AS last_at
    FROM new_usage WHERE provider IS NOT NULL AND model IS NOT NULL
    GROUP BY ALL
),
offers AS (
    SELECT t.provider, t.model, t.platform, t.last_at, r.context, r.unit, r.usd_per_unit, r.price_id, r.resolved_at, r.valid_from,
        greatest(r.valid_from, t.first_at) AS since, r.valid_to AS until
    FROM priced_things AS t JOIN rates AS r
        ON r.provider = t.provider AND r.model = t.model AND r.context IN ('', t.platform)
        AND r.valid_from <= t.last_at AND (r.valid_to IS NULL OR r.valid_to > t.first_at)
),
edges AS (
    SELECT provider, model, platform, since AS edge FROM offers
    UNION
    SELECT provider, model, platform, until FROM offers WHERE until <= last_at
),
chosen AS (
    SELECT e.provider, e.model, e.platform, e.edge, o.unit,
        arg_max(o.usd_per_unit, (o.context <> '', o.valid_from, o.resolved_at, o.price_id)) AS rate,
        arg_max(o.price_id, (o.context <> '', o.valid_from, o.resolved_at, o.price_id)) AS price_id
    FROM edges AS e JOIN offers AS o
        ON o.provider = e.provider AND o.model = e.model AND o.platform = e.platform
        AND o.since <= e.edge AND (o.until IS NULL OR o.until > e.edge)
    GROUP BY ALL
),
wide AS (
    -- The join from edges keeps the stretch in which no price is valid any more.
    SELECT e.provider, e.model, e.platform, e.edge,
        string_agg(DISTINCT c.price_id, ' + ' ORDER BY c.price_id) AS price_id,
        max(c.rate) FILTER (c.unit = 'input_uncached_tokens') AS input_rate,
        max(c.rate) FILTER (c.unit = 'cache_read_tokens') AS cache_read_rate,
        max(c.rate) FILTER (c.unit = 'cache_write_tokens') AS cache_write_rate,
        max(c.rate) FILTER (c.unit = 'output_tokens') AS output_rate,
        max(c.rate) FILTER (c.unit = 'images') AS image_rate,
        max(c.rate) FILTER (c.unit = 'characters') AS character_rate,
        max(c.rate) FILTER (c.unit = 'audio_seconds') AS audio_rate,
        max(c.rate) FILTER (c.unit = 'requests') AS request_rate
    FROM edges AS e LEFT JOIN chosen AS c USING (provider, model, platform, edge)
    GROUP BY ALL
),
exact AS (
    -- DECIMAL throughout, summed before it is rounded. A request without a price of its own costs nothing extra: that is not a gap.
    SELECT u.row, w.price_id,
        (u.input_uncached_tokens * coalesce(w.input_rate, 0))::DECIMAL(38, 15)
        + (u.cache_read_tokens * coalesce(w.cache_read_rate, 0))::DECIMAL(38, 15)
        + (u.cache_write_tokens * coalesce(w.cache_write_rate, 0))::DECIMAL(38, 15)
        + (u.output_tokens * coalesce(w.output_rate, 0))::DECIMAL(38, 15)
        + (u.images * coalesce(w.image_rate, 0))::DECIMAL(38, 15)
        + (u.characters * coalesce(w.character_rate, 0))::DECIMAL(38, 15)
        + (u.audio_seconds * coalesce(w.audio_rate, 0))::DECIMAL(38, 15)
        + (u.requests * coalesce(w.request_rate, 0))::DECIMAL(38, 15) AS usd,
        (u.input_uncached_tokens <> 0 AND w.input_rate IS NULL)
        OR (u.cache_read_tokens <> 0 AND w.cache_read_rate IS NULL)
        OR (u.cache_write_tokens <> 0 AND w.cache_write_rate IS NULL)
        OR (u.output_tokens <> 0 AND w.output_rate IS NULL)
        OR (u.images <> 0 AND w.image_rate IS NULL)
        OR (u.characters <> 0 AND w.character_rate IS NULL)
        OR (u.audio_seconds <> 0 AND w.audio_rate IS NULL) AS incomplete
    FROM new_usage AS u ASOF LEFT JOIN wide AS w
        ON w.provider = u.provider AND w.model = u.model AND w.platform = u.platform AND u.occurred_at >= w.edge
),
rounded AS (
    SELECT row, price_id, usd, incomplete, usd::DECIMAL(38, 9) AS away FROM exact
)
-- The cast rounds a half away from zero; money is rounded half to even everywhere else, so here too.
SELECT row, price_id,
    (CASE WHEN abs(away - usd) = 0.0000000005 AND (away * 1000000000)::HUGEINT % 2 <> 0
        THEN away - sign(away) * 0.000000001 ELSE away END)::DECIMAL(18, 9) AS cost_usd,
    CASE WHEN incomplete THEN 'unpriced' WHEN usd = 0 THEN 'free' ELSE 'priced' END AS cost_state
FROM rounded
ORDER BY row
