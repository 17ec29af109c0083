"""The backtest's error paths made fit for drawing: whole, of one size, with what all series shared told apart from what was each one's own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.forecasting.last_year import last_year
from analytics.forecasting.state import Bools, Floats, PanelState

Paths = npt.NDArray[np.float32]

KNOWN_SHARE, KNOWN_STEPS = 0.3, 10
"""Part of a path, or steps of a long one, that must be known for it to be drawn; the rest is held on and grows as errors do."""
HELD = 3
"""Of so many last known errors the mean goes on."""
NEAR = 30
"""Steps whose errors make a series' size: what lies further ahead is mostly made of them."""
ORIGINS_MOST = 20
LOOK_BACK = 28
SHARED_PRIOR = 3.0
"""So many series count against one panel's medians: of one series nobody knows what is shared."""
BIAS_DOUBT = 3.0
LEAST_ORIGINS = 3
ENOUGH_SHARE, ENOUGH_DAYS = 0.5, 90.0
"""An origin counts in full with half of the present history, or so many steps, before it."""
LEAST_WEIGHT = 0.25
WIDTH_PRIOR = 4.0
"""So many independent origins count against what leaving each out says of the width; a young series' ranges are as wide as so few errors ask for instead."""
ALIKE = 14
"""Errors of origins nearer than so many steps begin from one level, and are not independent however near the step that they speak of."""
LEAST_SEEN = 0.7
"""Part of a stretch that every backtest counts as: with less, Student's t knows no bounds."""
WILD = 4.0
"""An error of more than so many usual (median) ones counts as so many in a series' size: of normal errors, three in a thousand are."""
NEARLY_EXACT = 0.05
"""A series whose typical error is below this share of its seasonal difference lends no paths."""
SIZE_PRIOR = 0.1
"""Standard deviation of the logarithm of a size that one independent path would tell, squared: half of it is chance, half is season."""
CHECKED_SERIES = 150
LEVEL = 0.8
NARROWEST, WIDEST = 0.9, 1.3


@dataclass(frozen=True, slots=True)
class ErrorPool:
    """n series, o origins, h steps. An error on the fitted scale is `bias` + `size` · (`shared` + one of `paths`)."""

    paths: Paths
    """(n, o, h) errors ÷ size, without the shared part; 0 where unknown."""
    usable: Bools
    """(n, o) whether that path is known."""
    lends: Bools
    """(n,) whether others may draw its paths: what is nearly exact errs by its rounding, which is nobody else's way to err."""
    chance: Floats
    """(o,) how likely each origin is drawn: those with little history before them seldom, since the forecast now has more."""
    shared: Floats
    """(o, h) what the middle series did, without what last year's dates explain."""
    bias: Floats
    """(n, h) on the fitted scale: by how much a series came out higher than forecast at nearly every origin; 0 where that may be chance."""
    size: Floats
    """(n,) a typical error on the fitted scale."""
    likeness: npt.NDArray[np.int64]
    """Series in the order of how their errors grow ahead: neighbours lend each other paths."""
    independent: float
    """How many of the origins count as independent."""
    width: float
    """By how much drawn errors must be widened so that, had each origin been left out, 80 % ranges of the others had held 80 % of its values."""
    few: Floats
    """(n, h) by how much ranges must be wider still where hardly any error was seen independently of another."""
    coming: Floats
    """(h,) the yearly shock that lies ahead, on the scale of `errors`."""


def error_pool(state: PanelState, horizon: int) -> ErrorPool:
    """The pool of a panel for so many steps ahead; steps beyond the backtest's are filled as errors grow."""
    raw, origins = _paths(state, horizon)
    n, o, h = raw.shape
    usable = np.isfinite(raw).sum(axis=2) >= min(KNOWN_SHARE * state.point.shape[1], KNOWN_STEPS)
    filled = _filled(raw, usable)
    spacing = float(np.median(np.diff(origins))) if o > 1 else float(h)
    # What was erred further ahead than the backtest reaches was never seen, and makes what was seen no less independent.
    reach = min(h, state.errors.shape[2])
    independent = np.maximum(1.0, usable.sum(axis=1) * min(spacing / max(reach, 1), 1.0))
    weight = np.minimum(1.0, np.maximum(origins, 1) / min(ENOUGH_SHARE * max(state.history.shape[1], 1), ENOUGH_DAYS)) ** 2
    weighed = usable * weight
    bias = _bias(filled, weighed, independent) * ~_jumped(state, origins)[:, None]
    filled = np.where(usable[:, :, None], filled - bias[:, None, :], 0.0)
    size = _sizes(filled, weighed, independent)
    scaled = filled / size[:, None, None]
    known = np.where(usable[:, :, None], scaled, np.nan)
    lends = size >= NEARLY_EXACT
    if not lends.any():
        lends[:] = True
    together = _down(known[lends]) * (n / (n + SHARED_PRIOR))
    most = float(independent.max(initial=1.0))
    told = most / (most + WIDTH_PRIOR)
    year = last_year(state)
    explained = _explained(year.stood_out / float(np.median(size)), origins, together)
    return ErrorPool(
        paths=np.where(usable[:, :, None], scaled - together, 0.0).astype(np.float32),
        usable=usable,
        lends=lends,
        chance=weight / weight.sum(),
        shared=together - explained,
        bias=bias * state.scale[:, None],
        size=size * state.scale,
        likeness=_likeness(filled, usable),
        independent=most,
        width=_width(known[lends][:, :, :NEAR], origins, weight, min(h, NEAR)) ** told,
        few=_few(_seen(state, usable, origins, h, reach), told),
        coming=_fit_length(year.coming, h),
    )


def _paths(state: PanelState, horizon: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    errors, origins = state.errors.astype(np.float64), state.origins
    if errors.shape[1] == 0 or not np.isfinite(errors).any():
        errors, origins = _rough(state)
    n, o, h = errors.shape
    if horizon > h:
        errors = np.concatenate((errors, np.full((n, o, horizon - h), np.nan)), axis=2)
    return np.where(np.isfinite(errors), errors, np.nan)[:, :, :horizon], origins


def _rough(state: PanelState) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Without a backtest: how the days after each early day departed from the middle of those up to it."""
    t, h = state.history.shape[1], state.point.shape[1]
    origins = np.unique(np.linspace(max(2, t // 3), max(t - 1, 2), ORIGINS_MOST).astype(np.int64))
    offset = state.offset[:, None]
    floor = np.maximum(1e-3 * offset, 1e-12)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        fitted = np.where(state.logged[:, None], np.log(np.maximum(state.history + offset, floor)), state.history)
    fitted = np.where(np.isfinite(fitted), fitted, np.nan) / state.scale[:, None]
    errors = np.full((len(fitted), len(origins), h), np.nan)
    for column, origin in enumerate(origins):
        before, after = fitted[:, max(origin - LOOK_BACK, 0) : origin], fitted[:, origin : origin + h]
        errors[:, column, : after.shape[1]] = after - _down(before.T, np.nan)[:, None]
    return errors, origins


def _down(rows: Floats, empty: float = 0.0) -> Floats:
    """Median down the first axis, leaving out what is unknown; `empty` where all is."""
    found = np.full(rows.shape[1:], empty)
    some = np.isfinite(rows).any(axis=0)
    if some.any():
        found[some] = np.nanmedian(rows[:, some], axis=0)
    return found


def _filled(raw: Floats, usable: Bools) -> Floats:
    """Paths without gaps: an unknown step holds the last known error. After the last one a path goes back over its last two weeks and forth again, about the
    level it ended on: from one day to the next it errs as it did before. Both grow as errors grow with distance."""
    h, growth = raw.shape[2], _growth(raw)
    known = np.isfinite(raw)
    place = np.maximum.accumulate(np.where(known, np.arange(h), -1), axis=2)
    held = np.where(place >= 0, np.take_along_axis(np.nan_to_num(raw), np.maximum(place, 0), axis=2), 0.0)
    grown = ((np.arange(h) + 1.0) / (np.maximum(place, 0) + 1.0)) ** growth
    filled = np.where(usable[:, :, None], held * grown, 0.0)
    of, at = np.nonzero(usable & ~known[:, :, -1])
    if len(of):
        last, paths = place[of, at, -1:], filled[of, at]
        beyond, turn = np.arange(h) - last, np.clip(last, 1, ALIKE)
        back = np.minimum(turn - np.abs(turn - np.mod(beyond, 2 * turn)), last)
        again = np.take_along_axis(paths, np.maximum(last - back, 0), axis=1)
        two, one = (_mean_before(paths, last, steps) for steps in (ALIKE, HELD))
        grown = ((np.arange(h) + 1.0) / (last + 1.0)) ** growth
        filled[of, at] = np.where(beyond > 0, (again - two + one) * grown, paths)
    return filled


def _mean_before(paths: Floats, last: npt.NDArray[np.int64], steps: int) -> Floats:
    """(m, 1) the mean of so many steps of each path up to its `last` (m, 1)."""
    place = np.arange(paths.shape[1])
    some = (place <= last) & (place > last - steps)
    return np.asarray((paths * some).sum(axis=1, keepdims=True) / some.sum(axis=1, keepdims=True), dtype=np.float64)


def _growth(raw: Floats) -> float:
    """The power of the distance with which errors grow: 0 for none, 0.5 for a random walk."""
    h = raw.shape[2]
    known = np.isfinite(raw)
    count = known.sum(axis=(0, 1))
    square = np.where(known, raw, 0.0) ** 2
    size = np.sqrt(np.minimum(square, 100.0).sum(axis=(0, 1)) / np.maximum(count, 1))
    good = (count > 0) & (size > 0)
    if good.sum() < 3:
        return 0.25
    steps = np.log(np.arange(1, h + 1)[good])
    off = steps - steps.mean()
    return float(np.clip((off * np.log(size[good])).sum() / max((off**2).sum(), 1e-9), 0.0, 0.6))


def _bias(filled: Floats, weighed: Floats, independent: Floats) -> Floats:
    """(n, h) each series' mean error, shrunk to nothing where origins do not agree on it (James and Stein, on the whole path)."""
    total = np.maximum(weighed.sum(axis=1), 1e-9)
    mean = (filled * weighed[:, :, None]).sum(axis=1) / total[:, None]
    off = (filled - mean[:, None, :]) ** 2 * weighed[:, :, None]
    # Of one stretch nobody knows how far its mean is off: the spread within it says nothing of that.
    chance = off.sum(axis=(1, 2)) / total / np.maximum(independent - 1.0, 1e-9)
    certain = np.where(
        (weighed > 0).sum(axis=1) >= LEAST_ORIGINS, 1 - BIAS_DOUBT * chance / np.maximum((mean**2).sum(axis=1), 1e-18), 0.0
    )
    return np.asarray(mean * np.clip(certain, 0.0, 1.0)[:, None], dtype=np.float64)


def _jumped(state: PanelState, origins: npt.NDArray[np.int64]) -> Bools:
    """(n,) whether a new level began after the first origin: every path across it erred on its side, and that is one event, not a habit."""
    first = int(origins.min(initial=0))
    found = [any(shift["step"] >= first for shift in one.get("shifts", ())) for one in state.details]
    return np.array(found or [False] * len(state.point), dtype=np.bool_)


def _sizes(filled: Floats, weighed: Floats, independent: Floats) -> Floats:
    """(n,) root mean square errors, drawn towards the panel's middle by as much as their differences are chance (empirical Bayes on logarithms)."""
    count = weighed.sum(axis=1)
    near = np.abs(filled[:, :, :NEAR])
    # One wild day lies in most paths that are known, and would make every day of every draw as wild as itself.
    usual = _down(np.where((weighed > 0)[:, :, None], near, np.nan).reshape(len(near), -1).T)
    near = np.minimum(near, np.where(usual > 0, WILD * usual, np.inf)[:, None, None])
    square = ((near**2).mean(axis=2) * weighed).sum(axis=1) / np.maximum(count, 1e-9)
    own = np.log(np.sqrt(np.maximum(square, 1e-18)))
    good = count > 0
    if not good.any():
        return np.ones(len(filled))
    middle = float(np.median(own[good]))
    chance = SIZE_PRIOR / independent
    spread = float(np.mean(np.minimum((own[good] - middle) ** 2, 4.0)) - np.mean(chance[good])) if good.sum() > 1 else 1.0
    trust = np.where(good, max(spread, 0.02) / (max(spread, 0.02) + chance), 0.0)
    return np.asarray(np.exp(middle + trust * (np.where(good, own, middle) - middle)), dtype=np.float64)


def _explained(stood_out: Floats, origins: npt.NDArray[np.int64], together: Floats) -> Floats:
    """(o, h) the part of the shared errors that known dates of last year explain; it comes back by the calendar, not at any time."""
    o, h = together.shape
    found = np.zeros((o, h))
    for column, origin in enumerate(origins):
        part = stood_out[origin : origin + h]
        found[column, : len(part)] = part
    return np.where(found * together > 0, np.sign(together) * np.minimum(np.abs(found), np.abs(together)), 0.0)


def _likeness(filled: Floats, usable: Bools) -> npt.NDArray[np.int64]:
    h = min(filled.shape[2], NEAR)
    filled = filled[:, :, :h]
    count = np.maximum(usable.sum(axis=1), 1)[:, None]
    early = np.sqrt((filled[:, :, : max(h // 3, 1)] ** 2).mean(axis=2).sum(axis=1, keepdims=True) / count)
    late = np.sqrt((filled[:, :, h // 2 :] ** 2).mean(axis=2).sum(axis=1, keepdims=True) / count)
    grows = np.log((late + 1e-9) / (early + 1e-9))[:, 0]
    return np.argsort(grows, kind="stable")


def _seen(state: PanelState, usable: Bools, origins: npt.NDArray[np.int64], h: int, reach: int) -> Floats:
    """(n, h) how many stretches as long as a step is ahead (`reach` at most) the backtest of each series covers, at least `LEAST_SEEN`."""
    t = state.history.shape[1]
    first = np.where(usable.any(axis=1), origins[usable.argmax(axis=1)], t) if len(origins) else np.full(len(usable), t)
    stretches = (t - first)[:, None] / np.clip(np.arange(h) + 1.0, ALIKE, max(reach, ALIKE))
    return np.asarray(np.maximum(stretches, LEAST_SEEN), dtype=np.float64)


def _few(seen: Floats, told: float) -> Floats:
    """(n, h) by how much a 90 % quantile of Student's t with `seen` degrees of freedom lies beyond the normal one (an expansion in 1/ν fitted
    at ν = 1: within 4 % of the exact ratio from there on, a tenth below it at `LEAST_SEEN`), as far as leaving origins out has not `told` the width already."""
    ratio = 1 + 0.66 / seen + 0.74 / seen**2
    return np.asarray(ratio ** (1 - told), dtype=np.float64)


def _width(known: Floats, origins: npt.NDArray[np.int64], weight: Floats, h: int) -> float:
    """Each origin against the ranges that origins without a common day with it give (a jackknife over origins)."""
    n, o, _ = known.shape
    some = known[np.unique(np.linspace(0, n - 1, min(n, CHECKED_SERIES)).astype(int))] if n else known
    scores = []
    for column in range(o):
        far = (np.abs(origins - origins[column]) >= h) & (weight >= LEAST_WEIGHT)
        others = some[:, far].reshape(-1, h)
        others = others[np.isfinite(others[:, 0])]
        own = some[:, column][np.isfinite(some[:, column, 0])]
        if far.sum() < 3 or len(others) < 10 or not len(own) or weight[column] < LEAST_WEIGHT:
            continue
        scores.append((np.abs(own) / np.maximum(np.quantile(np.abs(others), LEVEL, axis=0), 1e-9)).ravel())
    if not scores:
        return 1.0
    return float(np.clip(np.quantile(np.concatenate(scores), LEVEL), NARROWEST, WIDEST))


def _fit_length(path: Floats, h: int) -> Floats:
    return path[:h] if len(path) >= h else np.concatenate((path, np.zeros(h - len(path))))
