-- How far back a stream read newest first has come, and whether its newest record had been reached.
ALTER TABLE cursors ADD COLUMN read_from TIMESTAMPTZ;
ALTER TABLE cursors ADD COLUMN live BOOLEAN;
