"""Facts, rollups and bookkeeping: what Roomleft knows, in DuckDB or DuckLake."""
