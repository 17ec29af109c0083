-- When a row of headroom was stored: what an evaluation of alert rules could see, and what a replay of it may see.
ALTER TABLE headroom ADD COLUMN stored_at TIMESTAMPTZ;
-- One evaluation of every rule. It saw what had been stored by `read_to`.
CREATE TABLE evaluations (
    evaluated_at TIMESTAMPTZ NOT NULL, read_to TIMESTAMPTZ NOT NULL, took_ms BIGINT NOT NULL, rules BIGINT NOT NULL, findings BIGINT NOT NULL,
    pending BIGINT NOT NULL, firing BIGINT NOT NULL, unknown BIGINT NOT NULL, missed BIGINT NOT NULL, words VARCHAR NOT NULL
);
