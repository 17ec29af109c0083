-- What each of several meters used on each local day that saw any call of the platform. `starts` are the days' first instants and, last, the end of
-- the last. A meter's filters are a list of names each, NULL lets all pass; `meters` numbers them. `n` counts the calls, `unpriced` those without a price.
WITH days AS (
    SELECT unnest($starts::TIMESTAMPTZ[]) AS start_at
), meters AS (
    SELECT
        unnest($meters::BIGINT[]) AS meter, unnest($components::VARCHAR[][]) AS components, unnest($providers::VARCHAR[][]) AS providers,
        unnest($models::VARCHAR[][]) AS models, unnest($request_types::VARCHAR[][]) AS request_types, unnest($tiers::VARCHAR[][]) AS tiers,
        unnest($statuses::VARCHAR[][]) AS statuses, unnest($features::VARCHAR[][]) AS features, unnest($teams::VARCHAR[][]) AS teams,
        unnest($projects::VARCHAR[][]) AS projects, unnest($environments::VARCHAR[][]) AS environments,
        unnest($cost_centres::VARCHAR[][]) AS cost_centres, unnest($api_keys::VARCHAR[][]) AS api_keys
), used AS (
    SELECT
        days.start_at, component, provider, model, request_type, tier, status, feature, team, project, environment, cost_centre, api_key_hash,
        sum(requests) AS requests, sum(input_uncached_tokens + cache_read_tokens + cache_write_tokens + output_tokens) AS tokens,
        sum(images) AS images, sum(characters) AS characters, sum(audio_seconds) AS audio_seconds, sum(cost_usd) AS cost_usd,
        sum(unpriced_requests) AS unpriced
    FROM usage_15m ASOF JOIN days ON usage_15m.bucket >= days.start_at
    WHERE platform = $platform AND bucket >= $since::TIMESTAMPTZ AND bucket < $until::TIMESTAMPTZ
    GROUP BY ALL
)
SELECT
    meter, start_at, sum(requests)::DOUBLE AS requests, sum(tokens)::DOUBLE AS tokens, sum(images)::DOUBLE AS images,
    sum(characters)::DOUBLE AS characters, sum(audio_seconds)::DOUBLE AS audio_seconds, sum(cost_usd)::DOUBLE AS cost_usd,
    sum(requests)::BIGINT AS n, sum(unpriced)::BIGINT AS unpriced
FROM used JOIN meters ON (components IS NULL OR list_contains(components, component))
    AND (providers IS NULL OR list_contains(providers, provider)) AND (models IS NULL OR list_contains(models, model))
    AND (request_types IS NULL OR list_contains(request_types, request_type)) AND (tiers IS NULL OR list_contains(tiers, tier))
    AND (statuses IS NULL OR list_contains(statuses, status)) AND (features IS NULL OR list_contains(features, feature))
    AND (teams IS NULL OR list_contains(teams, team)) AND (projects IS NULL OR list_contains(projects, project))
    AND (environments IS NULL OR list_contains(environments, environment))
    AND (cost_centres IS NULL OR list_contains(cost_centres, cost_centre)) AND (api_keys IS NULL OR list_contains(api_keys, api_key_hash))
GROUP BY meter, start_at
ORDER BY meter, start_at
