"""Whether the stated range of an exhaustion date holds the date: on stand-in platforms, whose future is known because it follows from their seed.

A run is one stand-in (a pack's shape with another seed, size, growth, rhythm and launch) and one limit on it: a month's budget of cost, a week's quota of
requests, a rolling week of requests, or stored gigabytes that grow. The forecaster sees 90 days, ten platforms at a time, and today's reading at some hour;
`outlook` states p10 to p90 of the date. It counts when it states them and, as dates of windows mean "if so", when a window's amount is indeed passed before
it refills. The amounts are drawn around what recent days would use: they know nothing of the future. What came is read off the stand-in's own calls
(budget, quota) or, where days are compared, off its true days by the same arithmetic as the forecast (rolling, stored).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics.forecasting.fitting import HORIZON
from analytics.forecasting.futures import Futures
from analytics.forecasting.limit import outlook
from analytics.forecasting.panel import fit_panel
from analytics.forecasting.sampling import as_futures, sample
from collectors.standin.asks import AskModel
from collectors.standin.faults import FaultLog
from collectors.standin.instants import DAY, HOUR, day_number, to_us
from collectors.standin.people import People
from collectors.standin.series import SeriesModel
from collectors.standin.traffic import Traffic
from roomleft.limits import Kind, Limit, Reading
from roomleft.outlook import Shape
from roomleft.packs import load_packs
from roomleft.packs_standin import LaunchShape, RhythmShape, SeriesShape, StandinShape
from roomleft.timespan import Period, Window
from tests.benchmarks.forecast.registry import Row
from tests.fixtures.shared import ROOT

Floats = npt.NDArray[np.float64]

HISTORY, AHEAD = 90, 36
FAR = HORIZON + 2
TOGETHER = 10
RUNS = 400
CALLS_A_DAY = 220
KINDS = ("budget", "quota", "rolling", "stored")
UTC_ZONE = ZoneInfo("UTC")
WEEK = timedelta(days=7)
LOW, HIGH = 0.75, 0.85


@dataclass(frozen=True, slots=True)
class Run:
    """One limit of one stand-in: what was stated, and whether it came to pass inside the range. `counts`: whether a range was stated of what came."""

    kind: str
    counts: bool
    inside: bool
    early: bool
    width_days: float
    chance: float
    happened: bool


@dataclass(frozen=True, slots=True)
class World:
    """A stand-in's days: `daily` by series from the first day of the history on, and its calls from today on."""

    daily: dict[str, Floats]
    calls_s: Floats
    calls_usd: Floats
    usd_today: float
    calls_today: float


def exhaustion(data: Path, seed: int) -> list[Row]:
    """The share of stated 80 % ranges that held the date, over all kinds and by kind. Needs no data folder."""
    del data
    runs = list(played(seed, RUNS))
    counted = [run for run in runs if run.counts]
    share = float(np.mean([run.inside for run in counted]))
    early = float(np.mean([run.early for run in counted]))
    note = f"{len(counted)} ranges of {len(runs)} runs; {early:.2f} came before the range, {1 - share - early:.2f} after; constants set on other seeds, the stray of a crossing on this too"
    rows = [Row("stand-ins: exhaustion date inside its 80 % range", f"{LOW:g}–{HIGH:g}", share, LOW <= share <= HIGH, "", note)]
    for kind in KINDS:
        of_kind = [run for run in counted if run.kind == kind]
        if of_kind:
            wide = float(np.median([run.width_days for run in of_kind]))
            said, came = [run.chance for run in runs if run.kind == kind], [run.happened for run in runs if run.kind == kind]
            words = f"{len(of_kind)} ranges, median width {wide:.1f} d; chance said {np.mean(said):.2f}, came {np.mean(came):.2f}"
            rows.append(Row(f"… {kind}", "", float(np.mean([run.inside for run in of_kind])), None, "", words))
    return rows


def played(seed: int, wanted: int) -> Iterator[Run]:
    """Runs until so many count, at most three times as many."""
    shapes = [pack.standin for _, pack in sorted(load_packs(ROOT / "packs").items()) if pack.standin is not None]
    counted = panel = 0
    while counted < wanted and panel * TOGETHER * 2 < 3 * wanted:
        for run in play(seed + 1000 * panel, shapes):
            counted += run.counts
            yield run
            if counted >= wanted:
                break
        panel += 1


def play(seed: int, shapes: Sequence[StandinShape], together: int = TOGETHER) -> list[Run]:
    """The platforms of one panel, two limits each."""
    rng = np.random.default_rng(seed)
    now = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=float(rng.integers(0, 200 * 24)))
    worlds = [world(altered(shapes[n % len(shapes)], rng), seed + n, now) for n in range(together)]
    frame = pd.DataFrame({f"{n}/{name}": values[:HISTORY] for n, one in enumerate(worlds) for name, values in one.daily.items()})
    levels = [Shape.LEVEL if name.endswith("stored") else Shape.FLOW for name in frame.columns]
    state = fit_panel(frame, horizon=HORIZON, first_day=now.date(), shapes=levels)
    futures = {f.target: f for f in as_futures(state, sample(state, rng), zone=UTC_ZONE, fitted_at=now)}
    runs = []
    for n, one in enumerate(worlds):
        for kind in (KINDS[0], KINDS[3]) if n % 2 else (KINDS[1], KINDS[2]):
            runs.append(ask(kind, one, futures[f"{n}/{SERIES[kind]}"], now, rng))
    return runs


SERIES = {"budget": "usd", "quota": "calls", "rolling": "calls", "stored": "stored"}


def altered(shape: StandinShape, rng: np.random.Generator) -> StandinShape:
    """The shape with another size, growth, weekly rhythm and past launch, and a gauge that grows."""
    calls = sum(p.share * p.active_share * p.requests_per_day for p in shape.personas)
    weekdays = [float(w) for w in rng.permuted(shape.rhythm.weekdays) * rng.uniform(0.85, 1.15, 7)]
    launch = None
    if rng.random() < 0.4:
        launch = LaunchShape(days_ago=float(rng.uniform(4, 80)), step=float(rng.uniform(0.1, 0.6)), plateau=float(rng.uniform(0, 0.2)),
                             half_life_days=float(rng.uniform(2, 8)), users_added=float(rng.uniform(0, 0.2)))  # fmt: skip
    stored = SeriesShape(
        name="stored", component="database", help="", base=40, decimals=6, growth_per_day=float(rng.uniform(0.001, 0.02)),
        load_gain=float(rng.uniform(0, 0.1)), noise=float(rng.uniform(0.002, 0.05)),
    )  # fmt: skip
    return shape.model_copy(
        update={
            "users": max(20, int(CALLS_A_DAY * rng.uniform(0.3, 1.5) / calls)),
            "growth_per_month": float(rng.uniform(-0.05, 0.3)),
            "rhythm": RhythmShape(hours=shape.rhythm.hours, weekdays=weekdays),
            "launch": launch,
            "series": [stored],
            "incidents": [],
            "faults": {},
        }
    )


def world(shape: StandinShape, seed: int, now: datetime) -> World:
    """The days of a stand-in that calls `now` its start: 90 before, and from today on 36, or of what is stored as many as are forecast."""
    origin = to_us(now)
    first = origin // DAY - HISTORY
    traffic = Traffic(shape, origin)
    log = FaultLog({}, ())
    model = AskModel(People(traffic, seed, first * DAY), seed)
    usd, calls = np.zeros(HISTORY + AHEAD), np.zeros(HISTORY + AHEAD)
    at: list[Floats] = []
    paid: list[Floats] = []
    for n in range(HISTORY + AHEAD):
        asks = model.day(first + n, log)
        cost = (
            (asks.input_tokens + 4 * asks.output_tokens) * 1e-6
            + asks.images * 0.04
            + asks.characters * 1.5e-5
            + asks.audio_ms * 1e-7
        )
        usd[n], calls[n] = cost.sum(), len(cost)
        if n >= HISTORY:
            at.append(asks.at_us / 1e6)
            paid.append(cost)
    series = SeriesModel(traffic, seed, first * DAY, log, {})
    ticks = np.arange(first * DAY, (first + HISTORY + FAR) * DAY, 6 * HOUR, dtype=np.int64)
    stored = series.values(ticks)[0].reshape(-1, 4).mean(axis=1)
    when, spent = np.concatenate(at), np.concatenate(paid)
    today = when <= now.timestamp()
    return World(
        {"usd": usd, "calls": calls, "stored": stored, "long": np.maximum(usd - usd.min(), 0)}, when[~today], spent[~today],
        float(spent[today].sum()), float(today.sum()),
    )  # fmt: skip


def ask(kind: str, one: World, futures: Futures, now: datetime, rng: np.random.Generator) -> Run:
    """State the range of one limit, and look what came."""
    daily = one.daily[SERIES[kind]]
    past, recent = daily[:HISTORY], float(daily[HISTORY - 14 : HISTORY].mean())
    came: float | None
    if kind == "stored":
        growth = max(float(daily[HISTORY - 7 : HISTORY].mean() - daily[HISTORY - 35 : HISTORY - 28].mean()) / 28, 1e-3)
        reading = float(daily[HISTORY - 1]) if now.hour < 12 else float(daily[HISTORY])
        limit = _limit(Kind.CAPACITY, reading + growth * float(rng.uniform(2, 32)), None)
        said = outlook(limit, _reading(reading, now), futures, now)
        came = _by_days(limit, reading, futures, daily, now)
    elif kind == "rolling":
        left = (datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC) - now) / timedelta(days=1)
        used = float(past[-6:].sum() + one.calls_today + past[-7] * left)
        limit = _limit(
            Kind.QUOTA, max(used, 7 * recent) * float(rng.uniform(1.02, 1.2)), Window(Period.ROLLING, UTC_ZONE, span=WEEK)
        )
        said = outlook(limit, _reading(used, now), futures, now)
        came = _by_days(limit, used, futures, daily, now)
    else:
        window = Window(Period.MONTH if kind == "budget" else Period.WEEK, UTC_ZONE)
        start, end = window.bounds(now)
        before = day_number(start.date()) - day_number(now.date()) + HISTORY
        begun = one.usd_today if kind == "budget" else one.calls_today
        used = float(daily[max(before, 0) : HISTORY].sum()) + begun
        left_days = (end - now) / timedelta(days=1)
        limit = _limit(Kind.BUDGET, used + recent * left_days * float(rng.uniform(0.25, 1.05)), window)
        said = outlook(limit, _reading(used, now), futures, now)
        came = _by_calls(one, used, float(limit.amount), kind == "budget", end)
    happened = came is not None and (said.about_to is None or came <= said.about_to.timestamp())
    stated = said.p10 is not None and said.p90 is not None
    if said.p10 is None or said.p90 is None or not (happened or (kind == "stored" and stated)):
        return Run(kind, False, False, False, 0.0, said.p_breach or 0.0, happened)
    at = np.inf if came is None else came
    low, high = said.p10.timestamp(), said.p90.timestamp()
    return Run(kind, True, low <= at <= high, at < low, (high - low) / 86_400, said.p_breach or 0.0, happened)


def _limit(kind: Kind, amount: float, window: Window | None) -> Limit:
    return Limit("run", "bench", kind, "Run", Decimal(repr(amount)), "units", "meter", window=window)


def _reading(amount: float, now: datetime) -> Reading:
    return Reading(Decimal(repr(amount)), now, timedelta(days=1))


def _by_calls(one: World, used: float, amount: float, usd: bool, end: datetime) -> float | None:
    total = used + np.cumsum(one.calls_usd if usd else np.ones(len(one.calls_s)))
    over = np.flatnonzero((total > amount) & (one.calls_s < end.timestamp()))
    return float(one.calls_s[over[0]]) if len(over) else None


def _by_days(limit: Limit, used: float, futures: Futures, daily: Floats, now: datetime) -> float | None:
    """What came, as the one future there was, read by the forecast's own arithmetic."""
    one = daily[None, HISTORY : HISTORY + futures.values.shape[1]].astype(np.float32)
    true = Futures("", "", futures.shape, UTC_ZONE, date(now.year, now.month, now.day), one, futures.past, now, "")
    at = outlook(limit, _reading(used, now), true, now).p50
    return None if at is None else at.timestamp()
