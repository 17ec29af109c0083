"""Forecasts: daily histories in, futures out, and what the futures say of limits."""
