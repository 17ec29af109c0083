"""Futures, limits and panels made by hand, for tests of what is read off them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np

from analytics.forecasting.futures import Futures
from analytics.forecasting.state import PanelState
from roomleft.limits import Direction, Kind, Limit, Reading
from roomleft.outlook import NoDate, Shape
from roomleft.timespan import Period, Window

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
UTC_ZONE = ZoneInfo("UTC")
NOW = datetime(2026, 6, 11, 12, tzinfo=UTC)
TODAY = NOW.date()


def futures(
    values: object,
    *,
    shape: Shape = Shape.FLOW,
    past: object = (),
    first_day: date = TODAY,
    zone: ZoneInfo = UTC_ZONE,
    no_date: NoDate | None = None,
    target: str = "shop/cost",
) -> Futures:
    """Futures of given draws (draws, days)."""
    drawn = np.atleast_2d(np.asarray(values, dtype=np.float32))
    return Futures(
        target, "run1", shape, zone, first_day, drawn, np.asarray(past, dtype=np.float64), NOW, "forecast from 90 days", no_date
    )


def even(per_day: float, days: int = 30, draws: int = 4, **more: object) -> Futures:
    """The same amount every day in every draw."""
    return futures(np.full((draws, days), per_day), **more)  # type: ignore[arg-type]


def limit(amount: object, period: Period | None = Period.MONTH, *, zone: ZoneInfo = UTC_ZONE, **more: object) -> Limit:
    """A limit in a calendar window, a rolling one (`span=`), or without a window (period None)."""
    span = more.pop("span", None)
    window = Window(Period.ROLLING, zone, span=span) if span else Window(period, zone) if period else None  # type: ignore[arg-type]
    given = {"kind": Kind.BUDGET, "direction": Direction.AT_MOST, **more}
    return Limit(
        "shop.limit", "shop", title="Limit", amount=Decimal(str(amount)), unit="usd", meter_id="cost", window=window, **given
    )  # type: ignore[arg-type]


def reading(amount: object, at: datetime = NOW) -> Reading:
    """A fresh reading."""
    return Reading(Decimal(str(amount)), at, timedelta(hours=1))


def panel(errors: object, *, point: object = 100.0, history: object = None, logged: bool = False, **more: object) -> PanelState:
    """A fitted panel with given error paths (n, o, h), a flat forecast and scale 1."""
    paths = np.asarray(errors, dtype=np.float32)
    n, o, h = paths.shape
    past = np.full((n, h * (o + 2)), 100.0) if history is None else np.asarray(history, dtype=np.float64)
    given: dict[str, object] = {
        "names": tuple(f"shop/m{i}" for i in range(n)), "season": 7, "horizon": h, "history": past,
        "logged": np.full(n, logged), "offset": np.zeros(n), "point": np.broadcast_to(np.asarray(point, dtype=np.float64), (n, h)).copy(),
        "naive": np.full((n, h), 100.0), "scale": np.ones(n), "errors": paths,
        "origins": np.linspace(min(2 * h, past.shape[1] // 4), past.shape[1] - h, o).astype(np.int64), "nonnegative": np.full(n, True),
        "ceiling": np.full(n, np.inf), "no_date": (None,) * n, "provisional": np.full(n, False), "models": ("smoothing",) * n,
        "first_day": NOW.date(), "details": ({},) * n, "shapes": (Shape.FLOW,) * n, **more,
    }  # fmt: skip
    return PanelState(**given)  # type: ignore[arg-type]
