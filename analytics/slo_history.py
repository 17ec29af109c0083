"""Burn rates at many instants, for replay: the readings are fetched once, and each instant sees those that had arrived by its `read_to`.

Counters and failing minutes are counted from running sums. What arrived out of order, and every other indicator, is asked instant by instant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics import slo_sql as sql
from analytics.slo_asking import US, Asking, Looking, SloView
from analytics.slo_burns import Burn, burns
from analytics.slo_judge import Burning, judge, windows_asked
from analytics.slo_reads import BEFORE, leaves_of
from roomleft.rules_when import BurnIs
from roomleft.slos import BurnPair, Method, Minutes, Slo, pairs_asked

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
HOUR_US, EDGE_US = 3_600_000_000, 300_000_000
NEVER = np.iinfo(np.int64).min // 2
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Instant = tuple[datetime, datetime]
"""When, and what had arrived by then was read."""


@dataclass(frozen=True, slots=True)
class Track:
    """One condition over many instants. `maybe`: where the pair may hold or cannot be told; elsewhere it does not hold."""

    maybe: npt.NDArray[np.bool_]
    at: Callable[[int], Burning]
    """What is said of one instant."""


def tracks(view: SloView, conditions: Sequence[tuple[Slo, BurnIs]], instants: Sequence[Instant]) -> list[Track]:
    """Each condition over the instants, which are in order of time. Raises StoreError; PackError for a pair that can never hold."""
    pairs = [pairs_asked(slo, when) for slo, when in conditions]
    windows: dict[str, set[timedelta]] = {}
    for (slo, _), each in zip(conditions, pairs, strict=True):
        windows.setdefault(slo.slo_id, set()).update(windows_asked(slo, each))
    slos = {slo.slo_id: slo for slo, _ in conditions}
    asked = [Asking(number, slos[slo_id], sorted(spans)) for number, (slo_id, spans) in enumerate(windows.items())]
    for one in asked:
        one.plan(view.packs)
    tapes = _tapes(view, asked, instants)
    return [
        _track(view, slo, each, when.min_events, tapes.get(slo.slo_id), instants)
        for (slo, when), each in zip(conditions, pairs, strict=True)
    ]


@dataclass
class _Tape:
    """What an SLO's indicator says of each window at each instant: arrays over the instants."""

    bad: dict[timedelta, Floats]
    total: dict[timedelta, Floats]
    newest: Ints
    unsure: npt.NDArray[np.bool_]
    """Where running sums do not tell: asked by itself."""


def _track(
    view: SloView, slo: Slo, pairs: Sequence[BurnPair], min_events: int | None, tape: _Tape | None, instants: Sequence[Instant]
) -> Track:
    windows = windows_asked(slo, pairs)

    def asked(i: int) -> Burning:
        at, read_to = instants[i]
        found = burns(
            Looking(view.store, view.packs, {slo.slo_id: slo}, read_to, view.slack), [(slo.slo_id, each) for each in windows], at
        )
        return judge(slo, pairs, {each: found[slo.slo_id, each] for each in windows}, min_events)

    if tape is None:
        return Track(np.ones(len(instants), dtype=bool), asked)
    maybe = tape.unsure.copy()
    for window in {pair.long for pair in pairs} | (set(windows) if not isinstance(slo.indicator, Minutes) else set()):
        line = min(float(pair.line(slo.objective)) for pair in pairs)
        maybe |= tape.bad[window] > line * tape.total[window]

    def told(i: int) -> Burning:
        if tape.unsure[i]:
            return asked(i)
        observed_at = EPOCH + int(tape.newest[i]) * US
        found = {each: Burn.of(slo, each, float(tape.bad[each][i]), float(tape.total[each][i]), observed_at) for each in windows}
        return judge(slo, pairs, found, min_events)

    return Track(maybe, told)


def _tapes(view: SloView, asked: Sequence[Asking], instants: Sequence[Instant]) -> dict[str, _Tape]:
    at = _us(each for each, _ in instants)
    read_to = _us(each for _, each in instants)
    counted = [
        one for one in asked if one.counters and not (one.gauges or one.used or one.queries or one.fault) and not one.sliced
    ]
    watched = [one for one in asked if isinstance(one.slo.indicator, Minutes) and one.slo.method is Method.OCCURRENCES]
    found = {}
    if counted:
        rows = _fetch(
            view, sql.TAPE, counted, instants, leaves_of([(one, *each, None, None) for one in counted for each in one.counters])
        )
        for one in counted:
            found[one.slo.slo_id] = _of_counters(view, one, rows, at, read_to)
    if watched:
        meters = [one.slo.indicator.meter for one in watched if isinstance(one.slo.indicator, Minutes)]
        params = {
            "slo": [one.number for one in watched],
            "platform": [one.slo.platform for one in watched],
            "components": [list(meter.components) for meter in meters],
            "checks": [meter.checks for meter in meters],
            "minutes": [max(1, -(-meter.every // timedelta(minutes=1))) for meter in meters],
        }
        rows = _fetch(view, sql.MINUTE_TAPE, watched, instants, params)
        for one in watched:
            found[one.slo.slo_id] = _of_minutes(view, one, rows, at, read_to)
    return found


def _us(instants: Any) -> Ints:
    return np.array([(each - EPOCH) // US for each in instants], dtype=np.int64)


def _fetch(
    view: SloView, text: str, asked: Sequence[Asking], instants: Sequence[Instant], params: Mapping[str, object]
) -> dict[str, Any]:
    reach = max(span for one in asked for span in one.spans) + BEFORE
    bound = {**params, "since": instants[0][0] - reach, "at": instants[-1][0], "read_to": max(each for _, each in instants)}
    bound |= {"span_slo": [0], "span_us": [0]}
    table = view.store.select(text, {name: value for name, value in bound.items() if f"${name}" in text})
    return {
        name: table[name].to_numpy() if name not in ("role", "target") else np.array(table[name].to_pylist(), dtype=object)
        for name in table.column_names
    }


def _visible(observed: Ints, ingested: Ints, at: Ints, read_to: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """How many of a series' rows each instant sees, which are its first ones; and where that is not so, because some arrived out of order."""
    unsure = np.zeros(len(at), dtype=bool)
    if not len(observed):
        return np.zeros(len(at), dtype=np.int64), unsure
    latest = np.maximum.accumulate(ingested)
    seen = np.minimum(np.searchsorted(observed, at, side="right"), np.searchsorted(latest, read_to, side="right"))
    soonest_after = np.minimum.accumulate(ingested[::-1])[::-1]
    for row in np.flatnonzero(ingested[:-1] > soonest_after[1:]):
        unsure |= (at >= observed[row]) & (read_to < ingested[row]) & (read_to >= soonest_after[row + 1])
    return seen, unsure


def _of_counters(view: SloView, one: Asking, rows: Mapping[str, Any], at: Ints, read_to: Ints) -> _Tape:
    mine = rows["slo"] == one.number
    role, series, target = rows["role"][mine], rows["series_id"][mine], rows["target"][mine]
    observed, ingested, value, seen_at = (rows[name][mine] for name in ("observed_us", "ingested_us", "value", "seen_us"))
    starts = (
        np.flatnonzero(np.r_[True, (series[1:] != series[:-1]) | (role[1:] != role[:-1])])
        if len(series)
        else np.zeros(0, dtype=np.int64)
    )
    ends = np.r_[starts[1:], len(series)]
    n = len(at)
    unsure = np.zeros(n, dtype=bool)
    newest = {
        name: np.full(n, NEVER) for name in ("total", *("good" if any(each[0] == "good" for each in one.counters) else "bad",))
    }
    parts = []
    for start, end in zip(starts, ends, strict=True):
        mark = slice(int(start), int(end))
        when, reading = observed[mark], value[mark]
        rise = np.r_[0.0, np.where(reading[1:] < reading[:-1], reading[1:], reading[1:] - reading[:-1])]
        rise[1:][np.diff(when) > HOUR_US] = 0.0
        others = observed[(target == target[start]) & (observed < when[0]) & (observed >= when[0] - HOUR_US)]
        if seen_at[start] >= when[0] - 60_000_000 and len(others):
            rise[0] = reading[0]
        seen, doubt = _visible(when, ingested[mark], at, read_to)
        unsure |= doubt
        last = np.where(seen > 0, when[np.maximum(seen - 1, 0)], NEVER)
        newest[str(role[start])] = np.maximum(newest[str(role[start])], last)
        parts.append((str(role[start]), when, np.r_[0.0, np.cumsum(rise)], seen))
    # As the question at one instant reads no further back than its widest window, neither may what is newest here.
    reach = max(one.spans) // US + BEFORE // US
    newest = {name: np.where(each > at - reach, each, NEVER) for name, each in newest.items()}
    top = np.maximum.reduce(list(newest.values()))
    edge = np.minimum.reduce([np.where(each > top - EDGE_US, each, top) for each in newest.values()])
    told = np.full(n, NEVER)
    for name, when, _, seen in parts:
        if name == "total":
            upto = np.minimum(seen, np.searchsorted(when, edge, side="right"))
            told = np.maximum(told, np.where(upto > 0, when[np.maximum(upto - 1, 0)], NEVER))
    bad, total = {}, {}
    for span in one.spans:
        amounts = {name: np.zeros(n) for name in newest}
        for name, when, sums, seen in parts:
            upto = np.minimum(seen, np.searchsorted(when, edge, side="right"))
            since = np.minimum(upto, np.searchsorted(when, edge - span // US, side="right"))
            amounts[name] += sums[upto] - sums[since]
        total[span] = amounts["total"]
        bad[span] = amounts["total"] - amounts["good"] if "good" in amounts else amounts["bad"]
        unsure |= (bad[span] > total[span] + 1e-9) | (bad[span] < -1e-9)
    # What cannot be told has a reason, which the question at one instant knows.
    silent = at - told > _stale_us(view, one)
    absent = np.logical_or.reduce([each == NEVER for each in newest.values()])
    return _Tape(bad, total, told, unsure | silent | absent)


def _stale_us(view: SloView, one: Asking) -> int:
    return (one.stale_after(view.packs) + view.slack) // US


def _of_minutes(view: SloView, one: Asking, rows: Mapping[str, Any], at: Ints, read_to: Ints) -> _Tape:
    mine = rows["slo"] == one.number
    minute, failed, observed, ingested = (rows[name][mine] for name in ("minute_us", "failed", "observed_us", "ingested_us"))
    order = np.argsort(minute, kind="stable")
    minute, failed, observed, ingested = minute[order], failed[order].astype(bool), observed[order], ingested[order]
    first = np.r_[True, minute[1:] != minute[:-1]] if len(minute) else np.zeros(0, dtype=bool)
    # Of a minute that both failed and passed the sooner answer counts it as looked at.
    whole_observed, whole_ingested = _soonest(observed, first), _soonest(ingested, first)
    whole, unsure = _upto(minute[first], whole_observed, whole_ingested, at, read_to)
    wrong, doubt = _upto(minute[failed], observed[failed], ingested[failed], at, read_to)
    newest = np.where(whole > 0, np.r_[whole_observed, NEVER][np.maximum(whole - 1, 0)], NEVER)
    bad, total = {}, {}
    for span in one.spans:
        since = at - span // US
        total[span] = np.maximum(whole - np.searchsorted(minute[first], since, side="right"), 0).astype(float)
        bad[span] = np.maximum(wrong - np.searchsorted(minute[failed], since, side="right"), 0).astype(float)
    return _Tape(bad, total, newest, unsure | doubt | (at - newest > _stale_us(view, one)))


def _soonest(values: Ints, first: npt.NDArray[np.bool_]) -> Ints:
    return np.minimum.reduceat(values, np.flatnonzero(first)) if len(values) else values


def _upto(minute: Ints, observed: Ints, ingested: Ints, at: Ints, read_to: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
    seen, unsure = _visible(np.maximum(minute, observed), ingested, at, read_to)
    return seen, unsure
