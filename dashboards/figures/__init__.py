"""Charts as raw plotly dicts: pure functions, built in milliseconds, golden-tested."""
