"""The real series of a data folder as frames: rows are consecutive steps, columns series, NaN unknown. None where the folder lacks the set."""

from __future__ import annotations

from pathlib import Path

import pandas as pd


def _read(data: Path, name: str) -> pd.DataFrame | None:
    path = data / name
    return pd.read_parquet(path) if path.is_file() else None


def _wide(long: pd.DataFrame, by: str, at: str, value: str) -> pd.DataFrame:
    frame = long.pivot_table(index=at, columns=by, values=value, observed=True, dropna=False)
    return frame.reindex(range(int(frame.index.min()), int(frame.index.max()) + 1))


def nn5_daily(data: Path) -> pd.DataFrame | None:
    """Cash withdrawals a day of 111 machines over 791 days (a half of them in each half of the data)."""
    long = _read(data, "forecast_other/nn5_daily.parquet")
    return None if long is None else _wide(long, "series_id", "t", "value")


def ausgrid_weekly(data: Path) -> pd.DataFrame | None:
    """Electricity a week of 299 households over 156 weeks."""
    long = _read(data, "forecast_other/ausgrid_weekly.parquet")
    return None if long is None else _wide(long, "series_id", "t", "value")


def fx_daily(data: Path) -> pd.DataFrame | None:
    """Eight exchange rates a day."""
    wide = _read(data, "forecast_other/fx_daily.parquet")
    return None if wide is None else wide.set_index("t").sort_index()


def wikipedia_daily(data: Path) -> pd.DataFrame | None:
    """Page views a day of one article, as their logarithm."""
    long = _read(data, "forecast_other/wp_log_peyton_manning_daily.parquet")
    return None if long is None else long.set_index("ds")[["y"]].asfreq("D")


def pjm_hourly(data: Path) -> pd.DataFrame | None:
    """Electric load an hour of the PJM zones over a year."""
    long = _read(data, "forecast_other/pjm_load_hourly.parquet")
    return None if long is None else long.pivot_table(index="ds", columns="unique_id", values="y").asfreq("h")


def servegen_daily(data: Path) -> pd.DataFrame | None:
    """Requests a day of production tenants of language models over 14 days."""
    long = _read(data, "servegen/client_requests_10min.parquet")
    if long is None:
        return None
    long = long[long["category"].astype(str) == "language"]
    name = long["model"].astype(str) + "/" + long["client_id"].astype(str)
    daily = long.groupby([long["window_start_s"] // 86_400, name])["requests"].sum().unstack()
    return daily.astype("float64")


def burstgpt_daily(data: Path) -> pd.DataFrame | None:
    """Requests and tokens a day of one service over some weeks."""
    path = data / "burstgpt_aggregates/daily.csv"
    return pd.read_csv(path).set_index("day").sort_index().astype("float64") if path.is_file() else None
