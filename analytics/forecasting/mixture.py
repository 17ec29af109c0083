"""The fit of some rows of a panel: candidates at every origin, their mixture, and what it got wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.forecasting import by_row, drift, drivers, history, long_level, naive, scales, shifts, sparse, weights
from analytics.forecasting.history import Histories
from analytics.forecasting.members import Smoother, longer, longer_settings, settings
from analytics.forecasting.shifts import Ints, Shifts
from analytics.forecasting.state import Bools, Floats
from roomleft.outlook import NoDate

WILDEST = 1e6
"""Errors of so many usual ones are as wild as any larger ones."""
HOPELESS = 0.5
"""Seasonal naive foretells nothing where its totals over the horizon were typically out by more than half of them."""
BEST = 6
DRIFTS = (
    "last season and slope of logarithms",
    "four seasons and slope of logarithms",
    "last season and slope",
    "four seasons and slope",
)
SLOPE_DOUBT = 1.25
"""A straight line must have erred less by so much to weigh as much as what stays: a slope that chance made lasts less than it lasted."""
SMOOTH = 0.02
"""A series is smooth where the best candidate erred less than this share of what repeating the last season erred."""
JUDGED = 1.0
"""So many whole paths must have been seen before an origin's weights are its own."""
DAYS = 7
"""The season of days: over a year of them levels come back. Of hours or weeks a long mean was no help."""
LARGEST = 1e9
"""Values of so many usual sizes are as wild as any larger ones."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What all rows share."""

    season: int
    horizon: int
    origins: tuple[int, ...]
    steps: int
    known: tuple[tuple[str, ...], Floats] | None = None
    """Drivers, as `drivers.table` gives them."""

    @property
    def ends(self) -> tuple[int, ...]:
        """After which steps forecasts are made: the backtest's origins, and the end."""
        return (*self.origins, self.steps)


@dataclass(frozen=True, slots=True)
class Fitted:
    """Rows of a `PanelState`, by the same names; scales in the series' unit."""

    logged: Bools
    offset: Floats
    point: Floats
    naive: Floats
    scale: Floats
    errors: np.ndarray[Any, np.dtype[np.float32]]
    no_date: tuple[NoDate | None, ...]
    models: tuple[str, ...]
    details: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows divided by their size, and what is known of them."""

    part: Histories
    values: Floats
    filled: Floats
    """Without unknown steps."""
    calm: Floats
    """Without wild days either: what is repeated or averaged."""
    offset: Floats
    shifts: Shifts
    ready: Ints
    season: int


def fit(part: Histories, plan: Plan, nonnegative: Bools, ceiling: Floats) -> Fitted:
    """Fit the rows of `part`."""
    size = history.sizes(part.values)
    values = part.values / size[:, None]
    offset = history.offsets(values)
    home = scales.fitted(values, part.positive, offset)
    noticed = shifts.detect(home, plan.season)
    calm = scales.units(noticed.calm, part.positive, offset)
    rows = _Rows(
        part, values, naive.seasonal_fill(values, plan.season), naive.seasonal_fill(calm, plan.season), offset, noticed,
        history.ready(part.first, plan.season, plan.steps), plan.season,
    )  # fmt: skip
    titles, candidates = _candidates(rows, plan, nonnegative, ceiling / size[:, None])
    truth = [weights.truth(values, origin, plan.horizon, rows.ready) for origin in plan.origins]
    paths, shares = _mixed(titles, candidates, truth, plan, rows)
    return _judged(rows, plan, titles, candidates, paths, shares, truth, size)


def _candidates(rows: _Rows, plan: Plan, nonnegative: Bools, ceiling: Floats) -> tuple[tuple[str, ...], Floats]:
    """Names, and (candidates, o + 1, n, h) paths in units divided by size. The last two: seasonal naive of the lifted and of the plain history."""
    part, season = rows.part, plan.season
    second = longer(season)
    if second is not None and plan.steps < 2 * second + plan.horizon:
        second = None
    smoothed = []
    for logged in (part.positive, np.zeros_like(part.positive)):
        z = np.clip(scales.fitted(rows.values, logged, rows.offset), -LARGEST, LARGEST)
        families = [Smoother(*history.start(z, part.first, season), settings(season))]
        if second is not None:
            families.append(Smoother(*history.start(z, part.first, second), longer_settings()))
        paths, _ = weights.mix(z, rows.ready, families, rows.shifts.resets, plan.origins, plan.horizon)
        back = [scales.held(scales.units(path, logged, rows.offset), nonnegative, ceiling) for path in paths]
        smoothed.append(np.stack(back))
    log, linear = smoothed
    plain = np.stack([naive.ahead(rows.filled, end, plan.horizon, season) for end in plan.ends], axis=1)
    calm = np.stack([naive.ahead(rows.calm, end, plan.horizon, season) for end in plan.ends], axis=1)
    seasonal, mean, last = _lifted(rows, plan, calm, season)
    made = {
        "smoothing of logarithms": log,
        "smoothing": linear,
        "smoothing, both": (log + linear) / 2,
        "smoothing of logarithms and mean of four seasons": (log + mean) / 2,
        "smoothing and mean of four seasons": (linear + mean) / 2,
        "smoothing of logarithms and seasonal naive": (log + seasonal) / 2,
        "mean of four seasons": mean,
        "last value": last,
    }
    made |= _straight_on(rows, plan, nonnegative, ceiling)
    if second is not None:
        far = np.stack([naive.ahead(rows.calm, end, plan.horizon, second) for end in plan.ends], axis=1)
        made |= {
            "longer seasonal naive": far[0],
            "mean of longer seasons": far[1],
            "smoothing and mean of longer seasons": (log + far[1]) / 2,
            "smoothing and longer seasonal naive": (log + far[0]) / 2,
        }
    made |= {"seasonal naive": seasonal, "plain seasonal naive": plain[0]}
    return tuple(made), np.stack(list(made.values()))


def _lifted(rows: _Rows, plan: Plan, calm: Floats, season: int) -> Floats:
    """The naive forecasts, of series with a shift in force from a history that is lifted to their new level."""
    out = calm.copy()
    for i, end in enumerate(plan.ends):
        some, moved = _moved(rows, end)
        if len(some):
            out[:, i, some] = naive.ahead(moved, end, plan.horizon, season)
    return out


def _moved(rows: _Rows, end: int) -> tuple[Ints, Floats]:
    """Which series have a shift in force after `end` steps, and their histories lifted to the new level."""
    some = np.flatnonzero(rows.shifts.since[:, end] >= 0)
    positive, offset = rows.part.positive[some], rows.offset[some]
    home = scales.fitted(rows.calm[some, :end], positive, offset)
    moved = shifts.lifted(home, rows.shifts.since[some, end], rows.shifts.size[some, end])
    return some, scales.units(moved, positive, offset)


def _straight_on(rows: _Rows, plan: Plan, nonnegative: Bools, ceiling: Floats) -> dict[str, Floats]:
    """The forecasts along a straight line, on both scales: of series with a shift in force from their lifted history."""
    out = np.zeros((4, len(plan.ends), len(rows.values), plan.horizon))
    both = [
        (logged, scales.fitted(rows.calm, logged, rows.offset))
        for logged in (rows.part.positive, np.zeros_like(rows.part.positive))
    ]
    for i, end in enumerate(plan.ends):
        some, moved = _moved(rows, end)
        for k, (logged, z) in enumerate(both):
            seen = z[:, max(end - drift.reach(plan.season), 0) : end]
            if len(some):
                seen = seen.copy()
                seen[some] = scales.fitted(moved, logged[some], rows.offset[some])[:, -seen.shape[1] :]
            paths = drift.ahead(seen, plan.horizon, plan.season)
            for j, path in enumerate(paths):
                out[2 * k + j, i] = scales.held(scales.units(path, logged, rows.offset), nonnegative, ceiling)
    return dict(zip(DRIFTS, out, strict=True))


def _weighed(known: tuple[Floats, Floats], doubt: Floats, start: Floats) -> Floats:
    """(candidates, n) weights by losses times `doubt`; `start` for series that were never judged."""
    return np.where(known[1] > 0, weights.weigh(weights.shrunk(*known) * doubt, best=BEST), start)


def _mixed(titles: Sequence[str], candidates: Floats, truth: Sequence[Floats], plan: Plan, rows: _Rows) -> tuple[Floats, Floats]:
    """(o + 1, n, h) the candidates, weighted by how their earlier paths turned out by then, and (candidates, n) the last weights.

    Of a smooth series, an origin before which it has not been judged by a whole path takes the weights that its other origins give: by now it has
    been judged, and what was erred before anything was known of its slope says nothing of today.
    """
    kinds, _, n, _ = candidates.shape
    usable = candidates[:-1]
    lengths = weights.prefixes(plan.origins, plan.horizon)
    past = [weights.measure(usable[:, i], truth[i], origin, lengths) for i, origin in enumerate(plan.origins)]
    out = np.zeros(candidates.shape[1:])
    shares = np.zeros((kinds, n))
    straight = np.array([[SLOPE_DOUBT if title in DRIFTS else 1.0] for title in titles[:-1]])
    start = np.zeros((kinds - 1, n))
    start[2] = start[6] = 0.5
    for i, end in enumerate(plan.ends):
        known = weights.mean_losses(past[:i], end)
        own = start if known is None else _weighed(known, straight, start)
        judged = np.zeros(n) if known is None else known[1]
        early = judged < JUDGED
        if end < plan.steps and early.any():
            others = weights.mean_losses([*past[:i], *past[i + 1 :]], plan.steps)
            if others is not None:
                early &= others[0].min(axis=0) < SMOOTH * others[0][-1]
                own = np.where(early, _weighed(others, straight, start), own)
        shares = np.zeros((kinds, n))
        shares[:-1] = own
        fresh = rows.part.positive & (rows.shifts.since[:, end] >= 0)
        shares[:, fresh] = 0.0
        shares[0, fresh] = 1.0
        out[i] = np.einsum("kn,knh->nh", shares, candidates[:, i])
    return out, shares


def _judged(
    rows: _Rows,
    plan: Plan,
    titles: Sequence[str],
    candidates: Floats,
    paths: Floats,
    shares: Floats,
    truth: Sequence[Floats],
    size: Floats,
) -> Fitted:
    part = rows.part
    n = len(part.values)
    came = np.stack(truth) if truth else np.zeros((0, n, plan.horizon))
    plain = candidates[-1]
    ours, theirs = _loss(paths[:-1], came), _loss(plain[:-1], came)
    short = part.known < history.SHORT
    loses = ~short & ~part.sparse & (ours >= theirs)
    paths = np.where(loses[None, :, None], candidates[-2], paths)
    if short.any():
        known = ~np.isnan(rows.values[short])
        paths[:, short] = sparse.short_paths(
            rows.filled[short], known, plan.ends, plain[:, short], part.positive[short], rows.offset[short]
        )
        early = part.first + history.SHORTEST
        seen = [weights.truth(rows.values, origin, plan.horizon, early) for origin in plan.origins]
        came = np.where(short[None, :, None], np.stack(seen) if seen else came, came)
    rate = part.sparse
    if rate.any():
        paths[:, rate] = sparse.rate_paths(rows.values[rate], plan.ends, plan.horizon)
    hopeless = loses & (_typical_miss(plain[:-1], came) > HOPELESS)
    linear_kinds = [titles.index(title) for title in ("smoothing", "smoothing and mean of four seasons", *DRIFTS[2:])]
    log_kinds = [i for i, title in enumerate(titles) if "logarithms" in title]
    logged = part.positive & ~rate & (shares[log_kinds].sum(axis=0) >= shares[linear_kinds].sum(axis=0))
    offset = np.where(logged, rows.offset, 0.0)
    fitted = np.stack([scales.fitted(path, logged, offset) for path in paths])
    actual = np.stack([scales.fitted(one, logged, offset) for one in came]) if len(came) else came
    scale = _scale(scales.fitted(rows.values, logged, offset), plan.season)
    if plan.season == DAYS:
        home = scales.fitted(rows.calm, logged, offset)
        # A new level, or what only a mean or last week is said of, has no long mean to go back to.
        elsewhere = (rows.shifts.since[:, list(plan.ends)] >= 0).T | (short | rate | loses)
        fitted = fitted + long_level.moves(fitted, actual, home, scale, plan.origins, DAYS, elsewhere)[:, :, None]
    driven = _driven(rows, plan, fitted, actual, logged, offset, short | rate)
    if driven is not None:
        fitted = fitted + driven.paths
    errors = np.clip((actual - fitted[:-1]) / scale[None, :, None], -WILDEST, WILDEST)
    no_date = tuple(reason or (NoDate.NO_BETTER if hopeless[i] else None) for i, reason in enumerate(part.no_date))
    models = tuple(_words(bool(short[i]), bool(rate[i]), bool(loses[i]), titles, shares[:, i]) for i in range(n))
    details = tuple(
        {
            **_details(i, titles, shares, ours, theirs),
            **_instead(bool(short[i]), bool(rate[i]), bool(loses[i])),
            "shifts": _shifts(rows, i, size[i]),
            "drivers": _effects(driven, i, bool(logged[i])),
        }
        for i in range(n)
    )
    point = np.where(logged[:, None], fitted[-1] + np.log(size)[:, None], fitted[-1] * size[:, None])
    return Fitted(
        logged, offset * size, point, plain[-1] * size[:, None], np.where(logged, scale, scale * size),
        np.ascontiguousarray(errors.transpose(1, 0, 2)).astype(np.float32), no_date, models, details,
    )  # fmt: skip


def _driven(
    rows: _Rows, plan: Plan, fitted: Floats, actual: Floats, logged: Bools, offset: Floats, simple: Bools
) -> drivers.Effects | None:
    """What drivers add; nothing to what only a mean or a median is said of."""
    if plan.known is None or simple.all() or not plan.origins:
        return None
    values = scales.fitted(rows.values, logged, offset)
    found = drivers.effects(values, fitted, list(actual), plan.known, plan.origins, plan.season)
    used = found.used & ~simple
    return drivers.Effects(np.where(used[None, :, None], found.paths, 0.0), used, found.size, found.names)


def _effects(driven: drivers.Effects | None, i: int, logged: bool) -> dict[str, float]:
    """By driver that helps, what it adds, as a share of a usual value."""
    if driven is None or not driven.used[i]:
        return {}
    sizes = np.expm1(np.clip(driven.size[:, i], -20.0, 20.0)) if logged else driven.size[:, i]
    return {name: round(float(size), 4) for name, size in zip(driven.names, sizes, strict=True)}


def _shifts(rows: _Rows, i: int, size: float) -> list[dict[str, Any]]:
    """The level shifts that lasted, oldest first: the step of the history that each began with, and the levels before and after, in units."""
    since = rows.shifts.since[i]
    ends = np.flatnonzero((since >= 0) & (np.append(since[1:], -1) != since))
    found = []
    for at in ends:
        begun = int(since[at])
        if at < rows.shifts.since.shape[1] - 1 and at - begun + 1 < shifts.SEASONS * shifts.lag(rows.season):
            continue
        before, after = rows.values[i, max(begun - 28, 0) : begun], rows.values[i, begun : int(at)]
        levels = [float(by_row.nanmedian(part[None])[0] * size) for part in (before, after)]
        if np.isfinite(levels).all():
            found.append({"step": begun, "before": levels[0], "after": levels[1]})
    return found


def _details(i: int, titles: Sequence[str], shares: Floats, ours: Floats, theirs: Floats) -> dict[str, Any]:
    members = {title: round(float(share), 3) for title, share in zip(titles, shares[:, i], strict=True) if share >= 0.01}
    return {"members": members, "error_ratio": round(float(ours[i] / theirs[i]), 4) if theirs[i] > 0 else None}


def _instead(short: bool, rate: bool, loses: bool) -> dict[str, Any]:
    """The members of what is no mixture."""
    if rate:
        return {"members": {"mean rate": 1.0}}
    if short:
        return {"members": {"seasonal naive": 0.5, "median": 0.5}}
    return {"members": {"seasonal naive": 1.0}} if loses else {}


def _words(short: bool, rate: bool, loses: bool, titles: Sequence[str], shares: Floats) -> str:
    if rate:
        return "mean rate"
    if short:
        return "half seasonal naive, half median"
    return "seasonal naive" if loses else titles[int(shares.argmax())]


def _loss(paths: Floats, came: Floats) -> Floats:
    """(n,) mean error of steps and of sums over all origins."""
    known = ~np.isnan(came)
    errors = np.where(known, paths - np.where(known, came, 0.0), 0.0)
    share = known.sum(axis=2)
    by_origin = np.abs(errors).sum(axis=2) + weights.SUM_SHARE * np.abs(errors.sum(axis=2))
    return np.asarray(by_origin.sum(axis=0) / np.maximum(share.sum(axis=0), 1), dtype=np.float64)


def _typical_miss(paths: Floats, came: Floats) -> Floats:
    """(n,) the median over origins of |sum of forecast − sum| ÷ sum of sizes; 0 where nothing is known."""
    known = ~np.isnan(came)
    errors = np.abs(np.where(known, paths - np.where(known, came, 0.0), 0.0).sum(axis=2))
    sizes = np.where(known, np.abs(np.where(known, came, 0.0)), 0.0).sum(axis=2)
    misses = np.where(known.any(axis=2), errors / np.maximum(sizes, 1e-9), np.nan)
    return np.nan_to_num(by_row.nanmedian(misses.T))


def _scale(fitted: Floats, season: int) -> Floats:
    """(n,) mean absolute seasonal difference of the last 180 steps, above zero."""
    recent = fitted[:, -max(180, 2 * season) :]
    gap = season if recent.shape[1] > season else 1
    apart = np.abs(recent[:, gap:] - recent[:, :-gap])
    return np.maximum(np.nan_to_num(by_row.nanmean(apart)), 1e-6)
