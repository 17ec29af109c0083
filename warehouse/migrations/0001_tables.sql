-- Every warehouse table. No keys, indexes, sequences or enum types: DuckLake has none, and in a file they cost 2.5x the size.
-- Instants are TIMESTAMPTZ in UTC. docs/schema.md says what one row of each is, who writes it and how long it is kept.

CREATE TABLE series (
    series_id UBIGINT NOT NULL, platform VARCHAR NOT NULL, component VARCHAR NOT NULL, name VARCHAR NOT NULL,
    labels MAP(VARCHAR, VARCHAR), seen_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE samples (
    series_id UBIGINT NOT NULL, observed_at TIMESTAMPTZ NOT NULL, value DOUBLE, ingested_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE health_checks (
    platform VARCHAR NOT NULL, component VARCHAR NOT NULL, check_name VARCHAR NOT NULL, observed_at TIMESTAMPTZ NOT NULL,
    status VARCHAR NOT NULL, value DOUBLE, unit VARCHAR, words VARCHAR, ingested_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE ai_usage (
    event_id VARCHAR NOT NULL, source VARCHAR NOT NULL, occurred_at TIMESTAMPTZ NOT NULL, ingested_at TIMESTAMPTZ NOT NULL,
    period_end TIMESTAMPTZ, requests BIGINT NOT NULL,
    platform VARCHAR NOT NULL, component VARCHAR, provider VARCHAR, model VARCHAR, operation VARCHAR, request_type VARCHAR,
    feature VARCHAR, status VARCHAR NOT NULL,
    user_id VARCHAR, tier VARCHAR, team VARCHAR, project VARCHAR, environment VARCHAR, api_key_hash VARCHAR, cost_centre VARCHAR,
    tags MAP(VARCHAR, VARCHAR),
    input_uncached_tokens BIGINT NOT NULL, cache_read_tokens BIGINT NOT NULL, cache_write_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL, reasoning_tokens BIGINT NOT NULL,
    images BIGINT NOT NULL, characters BIGINT NOT NULL, audio_seconds DECIMAL(18, 3) NOT NULL,
    other_units MAP(VARCHAR, DOUBLE),
    response_id VARCHAR, service_tier VARCHAR, region VARCHAR,
    latency_ms DOUBLE, first_token_ms DOUBLE, urgency VARCHAR, complexity DOUBLE, prompt_hash VARCHAR, cost_hint DOUBLE,
    reported_cost_usd DECIMAL(18, 9), attributes MAP(VARCHAR, VARCHAR),
    id_hash UBIGINT NOT NULL, content_hash UBIGINT NOT NULL
);

-- id_hash and occurred_at repeat the event's own, so that a join reads only the hours it needs.
CREATE TABLE cost_entries (
    event_id VARCHAR NOT NULL, source VARCHAR NOT NULL, id_hash UBIGINT NOT NULL, occurred_at TIMESTAMPTZ NOT NULL,
    revision INTEGER NOT NULL, price_id VARCHAR, cost_usd DECIMAL(18, 9) NOT NULL, cost_state VARCHAR NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE rates (
    price_id VARCHAR NOT NULL, provider VARCHAR NOT NULL, model VARCHAR NOT NULL, context VARCHAR NOT NULL, unit VARCHAR NOT NULL,
    usd_per_unit DECIMAL(18, 12) NOT NULL, valid_from TIMESTAMPTZ NOT NULL, valid_to TIMESTAMPTZ,
    catalogue VARCHAR NOT NULL, source VARCHAR NOT NULL, resolved_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE charges (
    source VARCHAR NOT NULL, billing_period DATE NOT NULL, line VARCHAR NOT NULL, version INTEGER NOT NULL, platform VARCHAR,
    provider VARCHAR, service VARCHAR, sku VARCHAR, category VARCHAR NOT NULL, charge_class VARCHAR, description VARCHAR,
    charge_start TIMESTAMPTZ NOT NULL, charge_end TIMESTAMPTZ NOT NULL, quantity DECIMAL(38, 15), unit VARCHAR, currency VARCHAR NOT NULL,
    billed_cost DECIMAL(38, 15) NOT NULL, effective_cost DECIMAL(38, 15) NOT NULL, list_cost DECIMAL(38, 15), contracted_cost DECIMAL(38, 15),
    tags MAP(VARCHAR, VARCHAR), recorded_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE business_days (
    platform VARCHAR NOT NULL, source VARCHAR NOT NULL, day DATE NOT NULL, tier VARCHAR NOT NULL,
    active_users BIGINT NOT NULL, new_users BIGINT NOT NULL, returning_users BIGINT NOT NULL, converted_users BIGINT NOT NULL,
    revenue_usd DECIMAL(18, 9) NOT NULL, satisfaction DOUBLE, ingested_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE deploys (
    platform VARCHAR NOT NULL, deploy_id VARCHAR NOT NULL, deployed_at TIMESTAMPTZ NOT NULL, component VARCHAR, version VARCHAR,
    title VARCHAR NOT NULL, kind VARCHAR NOT NULL, ingested_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE cursors (
    source VARCHAR NOT NULL, stream VARCHAR NOT NULL, position VARCHAR NOT NULL, read_to TIMESTAMPTZ, newest_at TIMESTAMPTZ,
    oldest_at TIMESTAMPTZ, caught_up BOOLEAN NOT NULL, recorded_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE rejected (
    source VARCHAR NOT NULL, stream VARCHAR NOT NULL, reason VARCHAR NOT NULL, field VARCHAR, event_id VARCHAR, line BIGINT,
    content VARCHAR, rejected_at TIMESTAMPTZ NOT NULL
);

-- usage_15m and usage_user_1d may hold several rows for one key (a late event adds a delta to a sealed bucket): always sum.
CREATE TABLE usage_15m (
    bucket TIMESTAMPTZ NOT NULL, platform VARCHAR NOT NULL, component VARCHAR, provider VARCHAR, model VARCHAR, request_type VARCHAR,
    tier VARCHAR, status VARCHAR NOT NULL,
    requests BIGINT NOT NULL, input_uncached_tokens BIGINT NOT NULL, cache_read_tokens BIGINT NOT NULL, cache_write_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL, images BIGINT NOT NULL, characters BIGINT NOT NULL, audio_seconds DECIMAL(18, 3) NOT NULL,
    cost_usd DECIMAL(18, 9) NOT NULL, unpriced_requests BIGINT NOT NULL, unpriced_tokens BIGINT NOT NULL,
    latency_ms_sum DOUBLE NOT NULL, latency_count BIGINT NOT NULL, last_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE usage_user_1d (
    zone VARCHAR NOT NULL, day DATE NOT NULL, platform VARCHAR NOT NULL, user_id VARCHAR NOT NULL, tier VARCHAR, provider VARCHAR,
    model VARCHAR, request_type VARCHAR, status VARCHAR NOT NULL,
    requests BIGINT NOT NULL, tokens BIGINT NOT NULL, images BIGINT NOT NULL, characters BIGINT NOT NULL,
    cost_usd DECIMAL(18, 9) NOT NULL, unpriced_requests BIGINT NOT NULL, last_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE samples_1m (
    series_id UBIGINT NOT NULL, bucket TIMESTAMPTZ NOT NULL, min_value DOUBLE, max_value DOUBLE, sum_value DOUBLE, count BIGINT NOT NULL,
    last_value DOUBLE, last_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE samples_1h (
    series_id UBIGINT NOT NULL, bucket TIMESTAMPTZ NOT NULL, min_value DOUBLE, max_value DOUBLE, sum_value DOUBLE, count BIGINT NOT NULL,
    last_value DOUBLE, last_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE samples_1d (
    series_id UBIGINT NOT NULL, bucket TIMESTAMPTZ NOT NULL, min_value DOUBLE, max_value DOUBLE, sum_value DOUBLE, count BIGINT NOT NULL,
    last_value DOUBLE, last_at TIMESTAMPTZ NOT NULL
);

-- latency_bucket = ceil(ln(latency_ms) / ln(1.02)); -32768 holds zero and below.
CREATE TABLE latency_1m (
    bucket TIMESTAMPTZ NOT NULL, platform VARCHAR NOT NULL, provider VARCHAR, model VARCHAR, latency_bucket SMALLINT NOT NULL, count BIGINT NOT NULL
);
CREATE TABLE latency_1h (
    bucket TIMESTAMPTZ NOT NULL, platform VARCHAR NOT NULL, provider VARCHAR, model VARCHAR, latency_bucket SMALLINT NOT NULL, count BIGINT NOT NULL
);

CREATE TABLE slo_1m (
    slo VARCHAR NOT NULL, minute TIMESTAMPTZ NOT NULL, good BIGINT NOT NULL, bad BIGINT NOT NULL
);

CREATE TABLE headroom (
    limit_id VARCHAR NOT NULL, platform VARCHAR NOT NULL, kind VARCHAR NOT NULL, unit VARCHAR NOT NULL, amount DECIMAL(38, 9) NOT NULL,
    used DECIMAL(38, 9), remaining DECIMAL(38, 9), fraction_left DOUBLE, state VARCHAR NOT NULL, reason VARCHAR NOT NULL, burn_rate DOUBLE,
    exhausts_p10 TIMESTAMPTZ, exhausts_p50 TIMESTAMPTZ, exhausts_p90 TIMESTAMPTZ, p_breach DOUBLE,
    window_start TIMESTAMPTZ, window_end TIMESTAMPTZ, subject VARCHAR NOT NULL, basis VARCHAR NOT NULL, lower_bound BOOLEAN NOT NULL,
    freshness VARCHAR NOT NULL, observed_at TIMESTAMPTZ, as_of TIMESTAMPTZ NOT NULL
);

CREATE TABLE forecast_runs (
    run_id VARCHAR NOT NULL, target VARCHAR NOT NULL, model VARCHAR NOT NULL, fitted_at TIMESTAMPTZ NOT NULL, history_from TIMESTAMPTZ,
    history_to TIMESTAMPTZ, reason VARCHAR NOT NULL
);
CREATE TABLE forecast_points (
    run_id VARCHAR NOT NULL, target VARCHAR NOT NULL, about_at TIMESTAMPTZ NOT NULL, p10 DOUBLE NOT NULL, p50 DOUBLE NOT NULL, p90 DOUBLE NOT NULL
);
CREATE TABLE forecast_claims (
    run_id VARCHAR NOT NULL, target VARCHAR NOT NULL, claim VARCHAR NOT NULL, about_from TIMESTAMPTZ NOT NULL, about_to TIMESTAMPTZ NOT NULL,
    probability DOUBLE, low DOUBLE, high DOUBLE, said_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE forecast_scores (
    run_id VARCHAR NOT NULL, target VARCHAR NOT NULL, claim VARCHAR NOT NULL, outcome DOUBLE NOT NULL, score DOUBLE NOT NULL, measure VARCHAR NOT NULL,
    scored_at TIMESTAMPTZ NOT NULL
);

-- Bookkeeping of the rollups: which buckets must be redone from raw, and up to which instant raw is gone (buckets before it are sealed).
CREATE TABLE dirty_buckets (
    rollup VARCHAR NOT NULL, bucket TIMESTAMPTZ NOT NULL, marked_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE sealed (
    rollup VARCHAR NOT NULL, before TIMESTAMPTZ NOT NULL, sealed_at TIMESTAMPTZ NOT NULL
);
-- One row per kind of exclusive work. On DuckLake every transaction that must not run beside its like updates its row here.
CREATE TABLE fences (
    name VARCHAR NOT NULL, turns BIGINT NOT NULL
);
