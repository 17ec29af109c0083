"""How good the forecasts and the anomalies are, and how fast: `python -m tests.benchmarks.forecast` (`make bench-forecast`)."""
