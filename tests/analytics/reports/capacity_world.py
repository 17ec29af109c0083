"""A platform with known futures: what a capacity report is tried on. Everything is seeded; nothing is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from analytics.forecasting.futures import Futures
from analytics.reports.capacity import Given
from analytics.reports.capacity_ahead import Series
from roomleft.limits import Freshness, Headroom, Limit, State
from roomleft.outlook import NoDate, Shape
from roomleft.packs import Pack, load_pack

PACKS = Path(__file__).parents[3] / "packs"
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
DRAWS, AHEAD, BEHIND = 200, 92, 90


@lru_cache
def pack(slug: str) -> Pack:
    """A shipped pack."""
    return load_pack(PACKS / f"{slug}.yaml")


def futures(
    target: str, *, level: float, slope: float = 0.0, spread: float = 0.02, past_slope: float | None = None, shape: Shape = Shape.LEVEL,
    past_days: int = BEHIND, ahead: int = AHEAD, provisional: bool = False, no_date: NoDate | None = None,
) -> Futures:  # fmt: skip
    """Futures that start at `level` and rise by `slope` a day; their middle is exact, their 80 % range ± `spread` of the level times the root of the days
    ahead. The past ends at `level` and rose by `past_slope` (the same unless given) a day."""
    days = np.arange(1, ahead + 1)
    # Quantiles of a normal by their rank: the draws are even, so that the middle is the middle.
    ranks = np.linspace(-1.28155 * 1.4, 1.28155 * 1.4, DRAWS)[:, None]
    values = level + slope * days + ranks * spread * level * np.sqrt(days / 30)
    back = slope if past_slope is None else past_slope
    past = level - back * np.arange(past_days - 1, -1, -1)
    return Futures(
        target, "run-1", shape, ZoneInfo("UTC"), NOW.date(), np.maximum(values, 0).astype(np.float32), np.maximum(past, 0).astype(np.float64),
        NOW - timedelta(hours=6), "panel exponential smoothing, 90 days", no_date, provisional,
    )  # fmt: skip


def series(
    heading: str, meter: str, title: str, unit: str, made: Futures | None, days: int = 30, why: NoDate | None = None
) -> Series:
    """A series of a report."""
    return Series(heading, meter, title, unit, timedelta(days=days), made, why)


def row(
    limit: Limit,
    used: str | None,
    *,
    state: State = State.OK,
    chance: float | None = None,
    days: float | None = None,
    **more: object,
) -> tuple[Headroom, Limit]:
    """A stored headroom row of a limit. `days`: its middle exhaustion date; the range is two thirds to three halves of that."""
    amount = limit.amount if limit.amount_per is None else limit.amount * 2500
    remaining = None if used is None else amount - Decimal(used)
    if remaining is not None and limit.direction.value == "at_least":
        remaining = -remaining
    start, end = limit.window.bounds(NOW) if limit.window else (None, None)
    middle = NOW + timedelta(days=days) if days is not None else None
    lead = limit.next_step.lead_time if limit.next_step else None
    made = Headroom(
        limit_id=limit.limit_id, platform=limit.platform, kind=limit.kind, unit=limit.unit, amount=amount, used=None if used is None else Decimal(used),
        remaining=remaining, fraction_left=float(remaining / amount) if remaining is not None and amount else None,
        state=State.UNKNOWN if used is None else state, reason="no samples for 15 min" if used is None else "", burn_rate=None,
        exhausts_p10=NOW + timedelta(days=days * 2 / 3) if days is not None else None, exhausts_p50=middle,
        exhausts_p90=NOW + timedelta(days=days * 3 / 2) if days is not None else None, p_breach=chance, window_start=start, window_end=end, subject="",
        basis="90 days", lower_bound=False, freshness=Freshness.PROVISIONAL, observed_at=NOW - timedelta(minutes=1), as_of=NOW,
        about_to=end or NOW + timedelta(days=30), order_by=middle - lead if middle is not None and lead is not None else None, forecast_run="run-1",
    )  # fmt: skip
    return replace(made, **more), limit  # type: ignore[arg-type]


def rows(of: Pack, told: Mapping[str, tuple[object, ...]]) -> list[tuple[Headroom, Limit]]:
    """Rows of some limits by their id: (used, state, chance, days); every other limit of the pack is left out."""
    found = []
    for name, (used, *rest) in told.items():
        state, chance, days = (*rest, *(None,) * (3 - len(rest)))
        found.append(row(of.limit(name), used, state=state or State.OK, chance=chance, days=days))  # type: ignore[arg-type]
    return found


def given(of: Sequence[tuple[Headroom, Limit]], made: Sequence[Series], **more: object) -> Given:
    """What a report is made of: rows, series, and everything else by name."""
    by_meter = {each.meter_id: each for each in made} | dict(more.pop("by_meter", {}))  # type: ignore[call-overload]
    return Given(rows=of, series=made, by_meter=by_meter, fitted_at=NOW - timedelta(hours=6), **more)  # type: ignore[arg-type]


def scribe(cpu: float = 66.0, cpu_spread: float = 0.09, storage_slope: float = 0.0042, ai_day: float = 145.0) -> Given:
    """The hyperscale platform with everything the report speaks of: CPU in per cent, storage in TB a day, AI cost in dollars a day."""
    of = pack("scribe")
    made = [
        series("users", "active_users", "Active users", "users", futures("scribe/active_users#30d", level=2500, slope=5)),
        series(
            "users",
            "concurrent_users",
            "Concurrent users",
            "users",
            futures("scribe/concurrent_users#busiest", level=84000, slope=300),
        ),
        series("resources", "cpu_use", "Cpu use", "percent", futures("scribe/cpu_use", level=cpu, spread=cpu_spread)),
        series(
            "storage",
            "content",
            "Content",
            "tb",
            futures("scribe/content#busiest", level=0.7, slope=storage_slope, spread=0.01),
            90,
        ),
        series(
            "ai_requests",
            "usage:requests",
            "AI requests",
            "requests",
            futures("scribe/usage:requests", level=5200, slope=20, shape=Shape.FLOW),
        ),
        series("ai_cost", "usage:cost", "AI cost", "usd", futures("scribe/ai_cost", level=ai_day, slope=0.4, shape=Shape.FLOW)),
    ]
    made[-1] = replace(made[-1], same=("ai_cost",))  # fmt: skip
    told = rows(
        of,
        {
            "concurrent_users": ("84000", State.OK, 0.31, 41.0),
            "content": ("0.7", State.OK, 0.03, 62.0),
            "cpu_use": (str(cpu), State.OK, 0.2, None) if cpu >= 70 else (str(cpu), State.EXHAUSTED, 1.0, None),
            "openrouter_quota": ("41", State.OK, 0.02, None),
            "gemini_quota": (None, State.UNKNOWN),
        },
    )
    budget = row(
        of.limit("ai_budget"), "2980.55", chance=0.18, ends_p10=Decimal("4210"), ends_p50=Decimal("4466.4"), ends_p90=Decimal("4790"),
        exhausts_p50=datetime(2026, 11, 29, tzinfo=UTC), exhausts_p10=datetime(2026, 11, 27, tzinfo=UTC), exhausts_p90=datetime(2026, 11, 30, tzinfo=UTC),
    )  # fmt: skip
    cost = made[-1].futures
    return given([*told, budget], made, by_meter={"ai_cost": made[-1]}, budgets={"scribe.ai_budget": cost})
