"""What a pack's signal draws: readings by step, turned into rates or shares where the pack says so, and put together across series. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import fmean
from typing import Any

from roomleft.limits import Direction
from roomleft.packs import Pack
from roomleft.packs_parts import Signal

Points = list[tuple[datetime, float | None]]
TOGETHER: Mapping[str, Callable[[Sequence[float]], float]] = {"sum": sum, "max": max, "min": min, "mean": fmean}
RATIO_UNITS = frozenset({"ratio", "fraction"})
QUANTILE = "quantile"
"""The label by which a series says which percentile it is."""
GAP_STEPS = 3
"""A line breaks where more steps than this have no reading."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A signal's lines by name, its newest value put together over all series, and when the newest reading was."""

    lines: Mapping[str, Points]
    newest: float | None
    newest_at: datetime | None
    beside: float | None = None
    """The newest value of the series named by `of`, for a signal shown as a value against another."""
    line_at: Mapping[str, datetime] = field(default_factory=dict)
    """When each line's newest reading was: one may have gone silent while others go on."""

    def last(self, name: str) -> float | None:
        """A line's newest value."""
        return _last(list(self.lines.get(name, ())))


@dataclass(frozen=True, slots=True)
class LimitLine:
    """Where a signal's limit lies on its chart, in the signal's unit; `over` is the rolling window it is kept over, if it has one."""

    value: float
    at_least: bool
    over: timedelta | None


def limit_line(signal: Signal, pack: Pack) -> LimitLine | None:
    """The line of the signal's `limit`; None where the two cannot be compared: other units, other labels, an amount for each user."""
    if signal.limit is None:
        return None
    spec = pack.limit_spec(signal.limit)
    labels = getattr(pack.meters.get(spec.meter), "labels", {})
    if spec.per_user or (labels and labels != signal.labels):
        return None
    amount = float(pack.amount_of(spec))
    if spec.amount_per is not None:
        # An objective leaves a share of bad events, which is what a ratio of two counters shows.
        value = amount if spec.objective_percent is not None and signal.show == "ratio" else None
    elif spec.unit == signal.unit:
        value = amount
    else:
        value = amount / 100 if spec.unit == "percent" and signal.unit in RATIO_UNITS else None
    if value is None:
        return None
    over = spec.window.rolling if spec.window is not None else None
    return LimitLine(value, spec.direction is Direction.AT_LEAST, over)


def percentile_name(text: str) -> str:
    """`p95` of a quantile label: `0.95`, `95`, `p95`; other words stay as they are."""
    try:
        share = float(text.removeprefix("p"))
    except ValueError:
        return text
    return f"p{share * 100:g}" if share <= 1 else f"p{share:g}"


def coarser(rows: Sequence[Mapping[str, Any]], step_s: int) -> list[Mapping[str, Any]]:
    """The same readings in longer steps: the mean of the steps' means, the newest last value."""
    found: dict[tuple[str, str, str | None, datetime], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        at: datetime = row["bucket_start"]
        start = datetime.fromtimestamp(at.timestamp() // step_s * step_s, at.tzinfo)
        found[row["component"], row["name"], row["labels"], start].append(row)
    merged: list[Mapping[str, Any]] = []
    for (_, _, _, start), own in found.items():
        newest = max(own, key=lambda row: row["last_at"])
        values = [row["mean_value"] for row in own if row["mean_value"] is not None]
        merged.append({**newest, "bucket_start": start, "mean_value": fmean(values) if values else None})
    return merged


def names_of(signals: Iterable[Signal]) -> list[str]:
    """The series to read for these signals."""
    return sorted({name for signal in signals for name in (signal.series, signal.of) if name})


def draw(signal: Signal, rows: Sequence[Mapping[str, Any]], step_s: int) -> Drawn:
    """The signal's lines from rows of `page_samples_*`: component, name, labels, bucket_start, mean_value, last_value, last_at."""
    series = _series(signal, rows, signal.series, step_s)
    newest_at = max((at for _, _, at in series), default=None)
    line_at: dict[str, datetime] = {}
    for labels, _, at in series:
        name = _line_name(signal, labels)
        line_at[name] = max(at, line_at.get(name, at))
    if signal.show == "ratio" and signal.of:
        whole = {labels: points for labels, points, _ in _series(signal, rows, signal.of, step_s)}
        return replace(_shares(signal, series, whole, newest_at, step_s), line_at=line_at)
    grouped: dict[str, list[Points]] = defaultdict(list)
    for labels, points, _ in series:
        grouped[_line_name(signal, labels)].append(points)
    lines = {name: with_gaps(_across(signal.across, many), step_s) for name, many in sorted(grouped.items())}
    every = _across(signal.across, [points for many in grouped.values() for points in many])
    beside = None
    if signal.of and signal.show == "value":
        beside = _last(_across(signal.across, [points for _, points, _ in _series(signal, rows, signal.of, step_s)]))
    return Drawn(lines, _last(every), newest_at, beside, line_at)


def _series(signal: Signal, rows: Sequence[Mapping[str, Any]], name: str, step_s: int) -> list[tuple[str, Points, datetime]]:
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["name"] == name and row["component"] == signal.component and _fits(signal, row["labels"]):
            found[row["labels"] or "{}"].append(row)
    result = []
    for labels, own in found.items():
        own = sorted(own, key=lambda row: row["bucket_start"])
        if signal.show == "value":
            points: Points = [(row["bucket_start"], row["mean_value"]) for row in own]
        else:
            points = _increases(own, step_s, per_second=signal.show == "rate_per_second")
        result.append((labels, points, max(row["last_at"] for row in own)))
    return result


def _fits(signal: Signal, labels: str | None) -> bool:
    if not signal.labels:
        return True
    given = json.loads(labels or "{}")
    return all(given.get(key) == value for key, value in signal.labels.items())


def _line_name(signal: Signal, labels: str) -> str:
    if not signal.by:
        return signal.title
    value = str(json.loads(labels).get(signal.by, "–"))
    return percentile_name(value) if signal.by == QUANTILE else value


def _increases(rows: Sequence[Mapping[str, Any]], step_s: int, *, per_second: bool) -> Points:
    """How much a counter grew in each step. A fall is a restart: it counts from zero. Nothing is said across a gap."""
    points: Points = []
    for before, after in pairwise(rows):
        elapsed = (after["last_at"] - before["last_at"]).total_seconds()
        if before["last_value"] is None or after["last_value"] is None or elapsed <= 0 or elapsed > GAP_STEPS * step_s:
            continue
        grown = after["last_value"] - before["last_value"]
        grown = after["last_value"] if grown < 0 else grown
        points.append((after["bucket_start"], grown / elapsed if per_second else grown))
    return points


def _across(how: str, many: Sequence[Points]) -> Points:
    values: dict[datetime, list[float]] = defaultdict(list)
    for points in many:
        for at, value in points:
            if value is not None:
                values[at].append(value)
    together = TOGETHER[how]
    return [(at, together(own)) for at, own in sorted(values.items())]


def _shares(
    signal: Signal,
    parts: Sequence[tuple[str, Points, datetime]],
    wholes: Mapping[str, Points],
    newest_at: datetime | None,
    step_s: int,
) -> Drawn:
    grouped: dict[str, list[tuple[Points, Points]]] = defaultdict(list)
    for labels, points, _ in parts:
        grouped[_line_name(signal, labels)].append((points, wholes.get(labels, [])))

    def share(pairs: Sequence[tuple[Points, Points]]) -> Points:
        part = dict(_across("sum", [points for points, _ in pairs]))
        whole = dict(_across("sum", [points for _, points in pairs]))
        return [
            (at, (part.get(at) or 0.0) / value if value else None) for at, value in sorted(whole.items()) if value is not None
        ]

    lines = {name: with_gaps(share(pairs), step_s) for name, pairs in sorted(grouped.items())}
    return Drawn(lines, _last(share([pair for pairs in grouped.values() for pair in pairs])), newest_at)


def with_gaps(points: Points, step_s: int) -> Points:
    """The points with a None wherever readings were missing, so that a gap stays a gap."""
    if not points:
        return []
    result: Points = [points[0]]
    for before, after in pairwise(points):
        if after[0] - before[0] > timedelta(seconds=GAP_STEPS * step_s):
            result.append((before[0] + timedelta(seconds=step_s), None))
        result.append(after)
    return result


def _last(points: Points) -> float | None:
    return next((value for _, value in reversed(points) if value is not None), None)
