-- A rate holds for a platform (or everyone), a service class, calls above a size and hours of the day. What a rate's list price was before a
-- contract's discount, and when that list was last checked, stand beside it.
ALTER TABLE rates RENAME COLUMN context TO platform;
ALTER TABLE rates ADD COLUMN context VARCHAR DEFAULT '';
ALTER TABLE rates ADD COLUMN input_over BIGINT DEFAULT 0;
ALTER TABLE rates ADD COLUMN minute_from SMALLINT;
ALTER TABLE rates ADD COLUMN minute_to SMALLINT;
ALTER TABLE rates ADD COLUMN list_usd_per_unit DECIMAL(18, 12);
ALTER TABLE rates ADD COLUMN checked_on DATE;
-- Hash of platform and response_id, so that a call told by two sources is found without reading texts.
ALTER TABLE ai_usage ADD COLUMN response_hash UBIGINT;
-- As ingest computes it (warehouse/ingest/responses.py): what is stored already must be found too.
UPDATE ai_usage SET response_hash = CASE
    WHEN input_uncached_tokens > 0 OR cache_read_tokens > 0 OR cache_write_tokens > 0 OR output_tokens > 0 OR images > 0 OR characters > 0
        OR audio_seconds > 0 OR coalesce(cardinality(other_units), 0) > 0 OR coalesce(reported_cost_usd, 0) > 0
        THEN md5_number_lower(platform || chr(31) || response_id)
    WHEN status = 'ok' THEN md5_number_lower(platform || chr(31) || response_id || chr(31) || 'ok')
END
WHERE response_id IS NOT NULL AND requests = 1;
-- Why a revision was written: ingest, late price, measured (a self-hosted model's day is over), reprice.
ALTER TABLE cost_entries ADD COLUMN reason VARCHAR DEFAULT 'ingest';
ALTER TABLE usage_15m ADD COLUMN feature VARCHAR;
ALTER TABLE usage_15m ADD COLUMN team VARCHAR;
ALTER TABLE usage_15m ADD COLUMN project VARCHAR;
ALTER TABLE usage_15m ADD COLUMN environment VARCHAR;
ALTER TABLE usage_15m ADD COLUMN api_key_hash VARCHAR;
ALTER TABLE usage_15m ADD COLUMN cost_centre VARCHAR;
ALTER TABLE usage_15m ADD COLUMN reported_usd DECIMAL(18, 9) DEFAULT 0;
ALTER TABLE usage_15m ADD COLUMN estimated_usd DECIMAL(18, 9) DEFAULT 0;
ALTER TABLE usage_15m ADD COLUMN restated_requests BIGINT DEFAULT 0;
-- What is rolled up already knows nothing of the new dimensions: what is not sealed is rolled up again from raw.
INSERT INTO dirty_buckets (rollup, bucket, marked_at)
SELECT DISTINCT 'usage', bucket, bucket FROM usage_15m
WHERE bucket >= coalesce((SELECT max(before) FROM sealed WHERE rollup = 'usage'), '-infinity'::TIMESTAMPTZ);
