"""One run of the forecaster over every history: fit, draw, claim. Pure: the same histories and seed say the same. Runs in the worker process."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics.forecasting.bounded import asks_beyond, never_passed, whole_of
from analytics.forecasting.calibration import Calibration
from analytics.forecasting.claims import Claim, Run, limit_claims, metrics_of, series_claims, target_claims
from analytics.forecasting.composing import KNOWN
from analytics.forecasting.daily import Daily, lengths
from analytics.forecasting.error_pool import Paths
from analytics.forecasting.futures import Futures
from analytics.forecasting.known_days import Drivers, known_by
from analytics.forecasting.panel import fit_panel
from analytics.forecasting.sampling import DRAWS, as_futures, sample
from analytics.forecasting.state import PanelState
from analytics.forecasting.targets import Statistic, Subject, Target
from roomleft.outlook import NO_DATE_WORDS, Made, NoDate, Shape
from roomleft.timespan import midnight

DAY = timedelta(days=1)
FITTED = 30
"""So many days ahead models are weighed and errors are known for."""
HORIZON = 92
"""So many days are forecast: the longest quarter. Beyond `FITTED` the last week goes on, and so does its trend, damped as it was."""
SEASON = 7
SEED = 20_260_101
BITS_LEFT_OUT = 12
"""Of the 23 bits behind a drawn value's first one: what is left packs well. Fewer are left out where a range is not so many times as wide as a step."""
STEPS_IN_RANGE = 64
POINT_QUANTILES = (0.05, 0.1, 0.5, 0.9, 0.95)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run is about. `histories` by target; those of fixed costs reach `HORIZON` days past the others. `parts`: targets that are only drawn as points."""

    run_id: str
    made: Made
    said_at: datetime
    subjects: tuple[Subject, ...]
    histories: Mapping[str, Daily]
    calibration: Calibration = field(default_factory=Calibration)
    drivers: Drivers | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What came of a run: rows of forecast_runs, forecast_points and forecast_paths, and the claims."""

    runs: list[dict[str, Any]]
    points: list[dict[str, Any]]
    paths: list[dict[str, Any]]
    claims: list[Claim]


def say(asked: Asked, *, keep: bool = True) -> Said:
    """Fit every history and say what can be said. Without `keep` no points and paths, and of each run only what a correction of claims must know."""
    fitted, naive, runs = _fitted(asked)
    lookup, naive_lookup = _lookup(asked, fitted), _lookup(asked, naive)
    said_at = asked.said_at if asked.made is Made.LIVE else None
    run = Run(asked.run_id, asked.made, said_at, lookup, naive_lookup, asked.calibration)
    claims, plain = _claims(asked, run)
    rows: list[dict[str, Any]] = []
    points: list[dict[str, Any]] = []
    paths: list[dict[str, Any]] = []
    metrics = metrics_of(asked.subjects)
    for name in sorted(fitted):
        target = asked.histories[name].target
        details = dict(runs[name]) if keep else {"model": runs[name]["model"]}
        details["width"] = {str(days): round(asked.calibration.width(metrics.get(name, ""), days), 4) for days in (1, 7, 30)}
        details["limits"] = {limit: chance for limit, (first, chance) in plain.items() if first == name}
        if not rows and keep:
            details["calibration"] = asked.calibration.as_json()
        if keep and target.part is not None and (ahead := total_ahead(fitted[name])) is not None:
            details["ahead"] = ahead
        rows.append(_run_row(asked, target, fitted[name], details))
        if not keep:
            continue
        points += _point_rows(asked, fitted[name])
        if target.part is None:
            paths.append(_path_row(asked, fitted[name]))
    return Said(rows, points, paths, claims)


def _fitted(asked: Asked) -> tuple[dict[str, Futures], dict[str, Futures], dict[str, dict[str, Any]]]:
    """The futures and the naive ones of every target that is not known beforehand, and what pages tell of its fitting."""
    metrics = metrics_of(asked.subjects)
    panels: dict[tuple[date, str], list[Daily]] = {}
    for daily in asked.histories.values():
        if daily.target.statistic is not Statistic.FIXED:
            panels.setdefault((daily.end, _apart(asked, daily)), []).append(daily)
    found: dict[str, Futures] = {}
    naive: dict[str, Futures] = {}
    details: dict[str, dict[str, Any]] = {}
    for (end, _), group in sorted(panels.items()):
        state = _panel(group, end, asked.drivers)
        # The same draws for panels of other zones: their shocks are shared too. And the same in every run: what a chance changes by is what was learnt.
        rng = np.random.default_rng(SEED)
        drawn = sample(
            drawn_out(state, HORIZON),
            rng,
            DRAWS,
            HORIZON,
            asked.calibration,
            [metrics.get(daily.target.name, "") for daily in group],
        )
        _keep_within_wholes(drawn, group, asked.subjects)
        drawn = coarser(drawn)
        for row, daily in enumerate(group):
            words = words_of(daily.known, state.no_date[row], bool(state.provisional[row]))
            zone, at = daily.target.zone, asked.said_at
            futures = as_futures(state, drawn, zone=zone, fitted_at=at, run_id=asked.run_id, rows=(row,))[0]
            futures = replace(futures, basis=words, past=daily.per_24h())
            found[daily.target.name] = futures
            naive[daily.target.name] = replace(futures, values=_repeated(state.naive[row]), no_date=None)
            told = dict(state.details[row]) if row < len(state.details) else {}
            details[daily.target.name] = {**told, "model": state.models[row]}
    return found, naive, details


def _keep_within_wholes(drawn: Paths, group: Sequence[Daily], subjects: Sequence[Subject]) -> None:
    """Draws (n, draws, days) of levels that never passed a whole do not either. In place."""
    for row, daily in enumerate(group):
        target, whole = daily.target, whole_of(daily.target.unit)
        if whole is None or target.shape is not Shape.LEVEL or not never_passed(daily.values, whole):
            continue
        asking = [
            one.limit for one in subjects if one.limit is not None and one.unit == target.unit and target in one.recipe.targets()
        ]
        if not asks_beyond(asking, whole):
            np.minimum(drawn[row], np.float32(whole), out=drawn[row])


def coarser(drawn: Paths) -> Paths:
    """Drawn values (n, draws, days) rounded, each series to bits few enough to pack well and many enough that its narrowest day's range hardly moves."""
    rounded = np.ascontiguousarray(drawn, dtype=np.float32).copy()
    low, high = np.quantile(rounded, (0.1, 0.9), axis=1)
    size = np.maximum(np.abs(rounded).max(axis=1), np.float32(1e-30))
    share = ((high - low) / size).min(axis=1, initial=1.0)
    # A value is rounded by at most half of 2^(bits - 23) of itself.
    bits = np.clip(np.floor(np.log2(np.maximum(share, 1e-12) / STEPS_IN_RANGE)) + 23, 0, BITS_LEFT_OUT).astype(np.uint32)
    whole = rounded.view(np.uint32)
    for left_out in np.unique(bits[bits > 0]):
        rows = bits == left_out
        # To the nearest, not down: what is cut off would take all draws of an exact series below what came.
        half = np.uint32(1 << (int(left_out) - 1))
        whole[rows] = (whole[rows] + half) & ~np.uint32((1 << int(left_out)) - 1)
    return rounded


def _apart(asked: Asked, daily: Daily) -> str:
    """The platform, where something is known of its days that is no business of the others; "" for the panel that all others share."""
    slug = daily.target.platform
    known = asked.drivers(slug, daily.first_day, len(daily.values) + FITTED) if asked.drivers is not None else None
    return slug if known is not None else ""


def _panel(group: Sequence[Daily], end: date, drivers: Drivers | None) -> PanelState:
    first = min(daily.first_day for daily in group)
    days = (end - first).days
    values = np.full((days, len(group)), np.nan)
    for column, daily in enumerate(group):
        values[(daily.first_day - first).days :, column] = daily.per_24h()
    frame = pd.DataFrame(values, columns=[daily.target.name for daily in group])
    return fit_panel(
        frame,
        season=SEASON,
        horizon=FITTED,
        nonnegative=[daily.target.nonnegative for daily in group],
        first_day=end,
        shapes=[daily.target.shape for daily in group],
        drivers=drivers(group[0].target.platform, first, days + FITTED) if drivers is not None else None,
    )


def drawn_out(state: PanelState, horizon: int) -> PanelState:
    """The panel with points for so many days: after the fitted ones each day is as a week before it, plus the change of the last week, damped week
    by week as the two weeks before it were."""
    point, fitted = state.point, state.point.shape[1]
    if horizon <= fitted or fitted < 3 * SEASON:
        return state
    weeks = [point[:, fitted - (n + 1) * SEASON : fitted - n * SEASON].mean(axis=1) for n in range(3)]
    change, before = weeks[0] - weeks[1], weeks[1] - weeks[2]
    moved = np.abs(before) > 1e-12
    damping = np.clip(np.where(moved, change / np.where(moved, before, 1.0), 0.0), 0.0, 1.0)
    days = np.arange(horizon - fitted)
    added = np.cumsum(change[:, None] * damping[:, None] ** np.arange(1, days[-1] // SEASON + 2), axis=1)
    more = point[:, fitted - SEASON + days % SEASON] + added[:, days // SEASON]
    return replace(state, point=np.concatenate((point, more), axis=1))


def _repeated(naive: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """The naive forecast as one future of `HORIZON` days: its last week, again and again."""
    days = np.arange(HORIZON)
    last = len(naive) - SEASON
    place = np.where(days < len(naive), days, last + (days - last) % SEASON)
    return naive[None, place].astype(np.float32)


def words_of(days: int, why: NoDate | None, provisional: bool) -> str:
    """What a forecast rests on, in words."""
    rests = f"forecast from {days} day{'' if days == 1 else 's'}"
    if why is not None:
        # How many days are known explains what is too short, and makes no sense beside anything else.
        known = f" ({days} day{'' if days == 1 else 's'} known)" if why in (NoDate.TOO_SHORT, NoDate.TOO_GAPPY) else ""
        return f"{NO_DATE_WORDS[why]}{known}"
    return f"{rests}, provisional" if provisional else rests


def _lookup(asked: Asked, futures: Mapping[str, Futures]) -> Callable[[Target], Futures | None]:
    def find(target: Target) -> Futures | None:
        if target.statistic is not Statistic.FIXED:
            return futures.get(target.name)
        daily = asked.histories.get(target.name)
        if daily is None or len(daily.values) < HORIZON:
            return None
        like = next(iter(futures.values()), None)
        draws = len(like.values) if like is not None else 1
        return known_beforehand(daily, draws, asked.run_id, asked.said_at)

    return find


def known_beforehand(daily: Daily, draws: int, run_id: str, at: datetime) -> Futures:
    """The one future of a fixed cost, whose history reaches `HORIZON` days ahead, as so many equal draws."""
    values = daily.per_24h()
    ahead = np.broadcast_to(values[-HORIZON:].astype(np.float32), (draws, HORIZON))
    first = daily.end - HORIZON * DAY
    return Futures(daily.target.name, run_id, Shape.FLOW, daily.target.zone, first, ahead, values[:-HORIZON], at, KNOWN)


def _claims(asked: Asked, run: Run) -> tuple[list[Claim], dict[str, tuple[str, float]]]:
    metrics = metrics_of(asked.subjects)
    claims: list[Claim] = []
    for daily in asked.histories.values():
        if daily.target.part is None:
            claims += target_claims(run, daily.target, metrics.get(daily.target.name, "other"))
    plain: dict[str, tuple[str, float]] = {}
    for subject in asked.subjects:
        if subject.recipe.no_date is not None:
            continue
        if subject.limit is None:
            # A series of one target was spoken of with the targets.
            claims += series_claims(run, subject) if subject.recipe.target is None else []
            continue
        said, chance = limit_claims(run, subject)
        claims += said
        if chance is not None:
            plain[subject.name] = (subject.recipe.targets()[0].name, chance)
    return claims, plain


def _run_row(asked: Asked, target: Target, futures: Futures, details: Mapping[str, Any]) -> dict[str, Any]:
    known = np.flatnonzero(np.isfinite(futures.past))
    first = futures.first_day - len(futures.past) * DAY
    return {
        "run_id": asked.run_id,
        "target": target.name,
        "platform": target.platform,
        "made": str(asked.made),
        "model": str(details["model"]),
        "unit": target.unit,
        "zone": target.zone.key,
        "shape": str(target.shape),
        "fitted_at": asked.said_at,
        "history_from": midnight(first + int(known[0]) * DAY, target.zone) if len(known) else None,
        "history_to": midnight(futures.first_day, target.zone) if len(known) else None,
        "days": len(known),
        "no_date": str(futures.no_date or ""),
        "provisional": futures.provisional,
        "words": futures.basis,
        "details": json.dumps(details, default=_plain, sort_keys=True),
    }


def _plain(value: object) -> object:
    if isinstance(value, (np.floating, np.integer, np.bool_)):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return str(value)


def _point_rows(asked: Asked, futures: Futures) -> list[dict[str, Any]]:
    """What is said of each day, its own length: five quantiles, in order."""
    days = futures.values.shape[1]
    if not days or not bool(np.isfinite(futures.values).all()):
        return []
    whole = lengths(futures.first_day, days, futures.zone) if futures.shape is Shape.FLOW else np.ones(days)
    quantiles = np.sort(np.quantile(futures.values.astype(np.float64), POINT_QUANTILES, axis=0), axis=0) * whole
    edges = [midnight(futures.first_day + n * DAY, futures.zone) for n in range(days + 1)]
    names = ("p05", "p10", "p50", "p90", "p95")
    return [
        {"run_id": asked.run_id, "target": futures.target, "about_at": edges[n], "about_to": edges[n + 1],
         **dict(zip(names, map(float, quantiles[:, n]), strict=True))}
        for n in range(days)
    ]  # fmt: skip


def total_ahead(futures: Futures, days: int = FITTED) -> dict[str, float | None] | None:
    """What a flow adds up to over the next days (p10, p50, p90) and did over as many before: kept of what has no paths, as days' quantiles do not add
    up to a total's. None of a level, and where nothing is forecast so far ahead."""
    if futures.shape is not Shape.FLOW or futures.values.shape[1] < days or not bool(np.isfinite(futures.values).all()):
        return None
    whole = lengths(futures.first_day, days, futures.zone)
    low, middle, high = np.quantile((futures.values[:, :days].astype(np.float64) * whole).sum(axis=1), (0.1, 0.5, 0.9))
    past = futures.past[-days:]
    known = len(past) == days and bool(np.isfinite(past).all())
    before = float((past * lengths(futures.first_day - days * DAY, days, futures.zone)).sum()) if known else None
    return {"low": float(low), "middle": float(middle), "high": float(high), "before": before}


def _path_row(asked: Asked, futures: Futures) -> dict[str, Any]:
    draws, days = futures.values.shape
    return {
        "run_id": asked.run_id,
        "target": futures.target,
        "fitted_at": asked.said_at,
        "first_day": futures.first_day,
        "draws": draws,
        "days": days,
        "futures": zlib.compress(np.ascontiguousarray(futures.values, dtype="<f4").tobytes(), 1),
        "past": zlib.compress(np.ascontiguousarray(futures.past, dtype="<f8").tobytes(), 1),
    }


def unpacked(futures: bytes, past: bytes, draws: int, days: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """What `forecast_paths` holds, as arrays: futures (draws, days) and the past by day. Read-only."""
    values = np.frombuffer(zlib.decompress(futures), dtype="<f4").reshape(draws, days)
    return values, np.frombuffer(zlib.decompress(past), dtype="<f8")


def until(daily: Daily, end: date, *, ahead: int = 0) -> Daily | None:
    """A history as it stood when day `end` began (and `ahead` days on, of what is known beforehand). None where it had not begun."""
    days = (end - daily.first_day).days + ahead
    return replace(daily, values=daily.values[:days]) if 0 < days <= len(daily.values) else None


def as_of(asked: Asked, end: date, run_id: str) -> Asked:
    """The same question on the morning of day `end`, of the data before it alone: a rolling origin."""
    found = {}
    for name, daily in asked.histories.items():
        cut = until(daily, end, ahead=HORIZON if daily.target.statistic is Statistic.FIXED else 0)
        if cut is not None:
            found[name] = cut
    said_at = datetime.combine(end, datetime.min.time(), UTC)
    drivers = known_by(asked.drivers, end)
    return replace(asked, run_id=run_id, made=Made.REPLAYED, said_at=said_at, histories=found, drivers=drivers)
