"""The warehouse's tables in a line each, as `SHOW TABLES` tells them. docs/schema.md says the same, and every column."""

from __future__ import annotations

from collections.abc import Collection

TABLES = {
    "ai_usage": "one AI call, or one pre-aggregated row (requests > 1, period_end)",
    "anomalies": "a reading that its series' past does not explain",
    "business_days": "users, revenue and satisfaction of a tier on a day",
    "charges": "a bill line",
    "cost_entries": "one priced revision of an event: a cost delta and its state",
    "cursors": "how far a stream of a source had been read; the newest counts",
    "deploys": "a deploy, launch or rollback",
    "dirty_buckets": "a bucket that is to be rolled up again",
    "evaluations": "one evaluation of the alert rules",
    "fences": "one row per kind of exclusive work on DuckLake",
    "forecast_claims": "what a forecast said would happen, and how likely",
    "forecast_paths": "the sampled futures of a forecast",
    "forecast_points": "a forecast value for one day",
    "forecast_runs": "one fitting of a forecast model to a target",
    "forecast_scores": "how a forecast's claim came out",
    "headroom": "what one limit had left at one time",
    "health_checks": "one check's answer, with its words",
    "latency_1h": "how many calls of an hour fell in a latency bucket",
    "latency_1m": "how many calls of a minute fell in a latency bucket",
    "rates": "one price per unit, with its dates",
    "rejected": "a refused row and why",
    "samples": "a reading of a series, as it came",
    "samples_1d": "readings of a series in a UTC day",
    "samples_1h": "readings of a series in an hour",
    "samples_1m": "readings of a series in a minute",
    "schema_migrations": "a change of the tables that was applied",
    "sealed": "up to when raw rows are gone or a rollup is no longer kept",
    "series": "a series seen: its name and labels",
    "slo_1m": "good and bad events of a minute",
    "usage_15m": "usage and cost of a quarter hour; several rows for one key are summed",
    "usage_user_1d": "a user's usage and cost on a day of a declared zone; several rows for one key are summed",
}


WITHOUT_USERS = frozenset(TABLES) - {"ai_usage", "usage_user_1d"}
"""What may be asked by those who may not see what single users cost. A table that nobody described above is not among them."""
UNSEEN_COLUMNS = {"headroom": ("subject",), "anomalies": ("causes",)}
"""Columns that may name a user: these tables are read without them then."""


def show_tables(tables: Collection[str]) -> str:
    """SQL whose rows are (name, meaning) of those tables, sorted by name."""
    rows = ", ".join(f"({_literal(name)}, {_literal(TABLES.get(name, ''))})" for name in sorted(tables))
    return f"SELECT * FROM (VALUES {rows}) AS tables(name, meaning) ORDER BY name"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
