-- The same by the hour: what each meter used in the busiest and in the quietest hour of a local day, of the hours that saw a call of it.
WITH days AS (
    SELECT unnest($starts::TIMESTAMPTZ[]) AS start_at
), meters AS (
    SELECT
        unnest($meters::BIGINT[]) AS meter, unnest($components::VARCHAR[][]) AS components, unnest($providers::VARCHAR[][]) AS providers,
        unnest($models::VARCHAR[][]) AS models, unnest($request_types::VARCHAR[][]) AS request_types, unnest($tiers::VARCHAR[][]) AS tiers,
        unnest($statuses::VARCHAR[][]) AS statuses, unnest($features::VARCHAR[][]) AS features, unnest($teams::VARCHAR[][]) AS teams,
        unnest($projects::VARCHAR[][]) AS projects, unnest($environments::VARCHAR[][]) AS environments,
        unnest($cost_centres::VARCHAR[][]) AS cost_centres, unnest($api_keys::VARCHAR[][]) AS api_keys
), hours AS (
    SELECT
        meter, days.start_at, date_trunc('hour', bucket) AS hour, sum(requests) AS requests,
        sum(input_uncached_tokens + cache_read_tokens + cache_write_tokens + output_tokens) AS tokens, sum(images) AS images,
        sum(characters) AS characters, sum(audio_seconds) AS audio_seconds, sum(cost_usd) AS cost_usd
    FROM usage_15m ASOF JOIN days ON usage_15m.bucket >= days.start_at
    JOIN meters ON (components IS NULL OR list_contains(components, component))
        AND (providers IS NULL OR list_contains(providers, provider)) AND (models IS NULL OR list_contains(models, model))
        AND (request_types IS NULL OR list_contains(request_types, request_type)) AND (tiers IS NULL OR list_contains(tiers, tier))
        AND (statuses IS NULL OR list_contains(statuses, status)) AND (features IS NULL OR list_contains(features, feature))
        AND (teams IS NULL OR list_contains(teams, team)) AND (projects IS NULL OR list_contains(projects, project))
        AND (environments IS NULL OR list_contains(environments, environment))
        AND (cost_centres IS NULL OR list_contains(cost_centres, cost_centre)) AND (api_keys IS NULL OR list_contains(api_keys, api_key_hash))
    WHERE platform = $platform AND bucket >= $since::TIMESTAMPTZ AND bucket < $until::TIMESTAMPTZ
    GROUP BY ALL
)
SELECT
    meter, start_at, count(*)::BIGINT AS hours,
    max(requests)::DOUBLE AS requests, max(tokens)::DOUBLE AS tokens, max(images)::DOUBLE AS images, max(characters)::DOUBLE AS characters,
    max(audio_seconds)::DOUBLE AS audio_seconds, max(cost_usd)::DOUBLE AS cost_usd,
    min(requests)::DOUBLE AS low_requests, min(tokens)::DOUBLE AS low_tokens, min(images)::DOUBLE AS low_images,
    min(characters)::DOUBLE AS low_characters, min(audio_seconds)::DOUBLE AS low_audio_seconds, min(cost_usd)::DOUBLE AS low_cost_usd
FROM hours
GROUP BY meter, start_at
ORDER BY meter, start_at
