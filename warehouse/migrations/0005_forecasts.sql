-- What the forecaster says and how it came out. The four tables of 0001 were never written to.
DROP TABLE forecast_runs;
DROP TABLE forecast_points;
DROP TABLE forecast_claims;
DROP TABLE forecast_scores;
CREATE TABLE forecast_runs (
    run_id VARCHAR NOT NULL, target VARCHAR NOT NULL, platform VARCHAR NOT NULL, made VARCHAR NOT NULL, model VARCHAR NOT NULL, unit VARCHAR NOT NULL,
    zone VARCHAR NOT NULL, shape VARCHAR NOT NULL, fitted_at TIMESTAMPTZ NOT NULL, history_from TIMESTAMPTZ, history_to TIMESTAMPTZ,
    days BIGINT NOT NULL, no_date VARCHAR NOT NULL, provisional BOOLEAN NOT NULL, words VARCHAR NOT NULL, details VARCHAR NOT NULL
);
CREATE TABLE forecast_points (
    run_id VARCHAR NOT NULL, target VARCHAR NOT NULL, about_at TIMESTAMPTZ NOT NULL, about_to TIMESTAMPTZ NOT NULL,
    p05 DOUBLE NOT NULL, p10 DOUBLE NOT NULL, p50 DOUBLE NOT NULL, p90 DOUBLE NOT NULL, p95 DOUBLE NOT NULL
);
CREATE TABLE forecast_paths (
    run_id VARCHAR NOT NULL, target VARCHAR NOT NULL, fitted_at TIMESTAMPTZ NOT NULL, first_day DATE NOT NULL, draws BIGINT NOT NULL, days BIGINT NOT NULL,
    futures BLOB NOT NULL, past BLOB NOT NULL
);
CREATE TABLE forecast_claims (
    claim_id VARCHAR NOT NULL, run_id VARCHAR NOT NULL, target VARCHAR NOT NULL, platform VARCHAR NOT NULL, made VARCHAR NOT NULL,
    subject VARCHAR NOT NULL, metric VARCHAR NOT NULL, claim VARCHAR NOT NULL, horizon_days BIGINT NOT NULL,
    about_from TIMESTAMPTZ NOT NULL, about_to TIMESTAMPTZ NOT NULL, amount DOUBLE, probability DOUBLE, low DOUBLE, middle DOUBLE, high DOUBLE,
    naive DOUBLE, scale DOUBLE, said_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE forecast_scores (
    claim_id VARCHAR NOT NULL, run_id VARCHAR NOT NULL, target VARCHAR NOT NULL, claim VARCHAR NOT NULL, measure VARCHAR NOT NULL,
    outcome DOUBLE NOT NULL, score DOUBLE NOT NULL, scored_at TIMESTAMPTZ NOT NULL
);
-- A reading that its series' past does not explain.
CREATE TABLE anomalies (
    anomaly_id VARCHAR NOT NULL, platform VARCHAR NOT NULL, target VARCHAR NOT NULL, form VARCHAR NOT NULL, unit VARCHAR NOT NULL,
    about_at TIMESTAMPTZ NOT NULL, about_to TIMESTAMPTZ NOT NULL, value DOUBLE NOT NULL, expected DOUBLE NOT NULL, low DOUBLE NOT NULL, high DOUBLE NOT NULL,
    p_value DOUBLE NOT NULL, known_as VARCHAR NOT NULL, causes VARCHAR NOT NULL, found_at TIMESTAMPTZ NOT NULL
);
-- What the forecast adds to a limit's room.
ALTER TABLE headroom ADD COLUMN about_to TIMESTAMPTZ;
ALTER TABLE headroom ADD COLUMN order_by TIMESTAMPTZ;
ALTER TABLE headroom ADD COLUMN ends_p10 DECIMAL(38, 9);
ALTER TABLE headroom ADD COLUMN ends_p50 DECIMAL(38, 9);
ALTER TABLE headroom ADD COLUMN ends_p90 DECIMAL(38, 9);
ALTER TABLE headroom ADD COLUMN no_date VARCHAR;
ALTER TABLE headroom ADD COLUMN forecast_run VARCHAR;
