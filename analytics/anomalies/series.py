"""What is watched of a platform: its AI cost and its latencies by step, in all and by what they are made of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import numpy as np

from analytics.anomalies.detector import Floats, Ints
from roomleft.packs import Pack
from roomleft.timespan import midnight
from warehouse.store import Store

T = TypeVar("T")
MOST_PARTS = 12
"""Of each dimension so many values are watched, the greatest; and so many series of signals."""
FEWEST_CALLS = 5
"""A percentile of fewer calls says nothing."""
LEAST_SHARE = 0.01
"""A value that makes up less of the whole is watched with the whole alone."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Metric(StrEnum):
    """What is measured."""

    COST = "cost"
    LATENCY = "latency"


@dataclass(frozen=True, slots=True)
class Family:
    """Series that are looked at together: what is measured, in which steps, over how much of the past, and whether in parts too."""

    metric: Metric
    step: timedelta
    past: timedelta
    parts: bool

    @property
    def name(self) -> str:
        """`cost 15m`; the same for as long as it means the same."""
        minutes = int(self.step.total_seconds() // 60)
        return f"{self.metric} {minutes}m" if minutes < 60 else f"{self.metric} {minutes // 60}h"


QUARTER, HOUR, DAY = timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)
FAMILIES = (
    Family(Metric.COST, QUARTER, timedelta(days=15), parts=False),
    Family(Metric.COST, HOUR, timedelta(days=35), parts=True),
    Family(Metric.COST, DAY, timedelta(days=180), parts=True),
    Family(Metric.LATENCY, QUARTER, timedelta(days=15), parts=True),
)


@dataclass(frozen=True, slots=True)
class Watched:
    """One series: `target` names it (`shop/ai_cost`, `shop/ai_cost#model=x`), `where` picks it: a dimension and its value, none for the total."""

    target: str
    unit: str
    where: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings of several series: `at` the steps' first instants and last the end of the last one; `values` (steps, series), NaN for none."""

    at: Sequence[datetime]
    series: Sequence[Watched]
    values: Floats


def edges_of(family: Family, zone: ZoneInfo, since: datetime, until: datetime) -> list[datetime]:
    """The first instants of the steps that lie within [since, until), and the end of the last: days of the zone, else whole steps of UTC."""
    if family.step < DAY:
        first = EPOCH + -(-(since - EPOCH) // family.step) * family.step
        count = max((until - first) // family.step, 0)
        return [first + i * family.step for i in range(count + 1)]
    day = since.astimezone(zone).date()
    found = [midnight(day + timedelta(days=i), zone) for i in range((until - since) // DAY + 3)]
    return [edge for edge in found if since <= edge <= until]


def wholes(pack: Pack) -> set[str]:
    """What may be watched of a platform, by name, parts aside: `shop/ai_cost`."""
    signals = {signal.series for signal in pack.signals if signal.unit == "ms" and signal.show == "value"}
    return {f"{pack.slug}/{name}" for name in ("ai_cost", "ai_latency_p95", *signals)}


def slots_of(at: Sequence[datetime], step: timedelta, zone: ZoneInfo) -> tuple[Ints, Ints]:
    """Which reading of the day, and which hour of the week, each step is, in local time."""
    local = [each.astimezone(zone) for each in at]
    if step >= DAY:
        return np.zeros(len(at), dtype=np.int64), np.array([each.weekday() * 24 for each in local], dtype=np.int64)
    day = [int((each.hour * 3600 + each.minute * 60) // step.total_seconds()) for each in local]
    return np.array(day, dtype=np.int64), np.array([each.weekday() * 24 + each.hour for each in local], dtype=np.int64)


def read(store: Store, pack: Pack, family: Family, edges: Sequence[datetime], only: Sequence[Watched] | None = None) -> Readings:
    """The readings of [edges[0], edges[-1]). `only`: of these series and no others; absent: of all that are worth it. Raises StoreError."""
    if len(edges) < 2:
        return Readings(edges, only or (), np.full((0, len(only or ())), np.nan))
    if family.metric is Metric.COST:
        return _costs(store, pack, family, edges, only)
    return _latencies(store, pack, family, edges, only)


def _costs(store: Store, pack: Pack, family: Family, edges: Sequence[datetime], only: Sequence[Watched] | None) -> Readings:
    rows = store.rows("anomaly_cost", platform=pack.slug, since=edges[0], until=edges[-1], edges=list(edges[:-1]))
    if not family.parts:
        rows = [row for row in rows if not row["dimension"]]
    target = f"{pack.slug}/ai_cost"
    named = {(row["dimension"], row["value"]): 0.0 for row in rows}
    for row in rows:
        named[row["dimension"], row["value"]] += row["reading"]
    series = list(only) if only is not None else _worth(target, named)
    # No call is no cost: the caller asks for no step that its sources have not been read for.
    values = _filled(rows, edges, series, 0.0)
    if family.step >= DAY:
        hours = np.array([(b - a).total_seconds() / 3600 for a, b in pairwise(edges)])
        values *= (24 / hours)[:, None]
    return Readings(edges, series, _since_first(values))


def _worth(target: str, named: Mapping[tuple[str, str], float]) -> list[Watched]:
    total = named.get(("", ""), 0.0)
    found = [Watched(target, "usd")]
    for dimension in sorted({name for name, _ in named if name}):
        values = sorted(((usd, value) for (name, value), usd in named.items() if name == dimension and value), reverse=True)
        if len(values) > 1:
            kept = [value for usd, value in values[:MOST_PARTS] if usd >= LEAST_SHARE * total]
            found.extend(Watched(f"{target}#{dimension}={value}", "usd", (dimension, value)) for value in kept)
    return found


def _latencies(store: Store, pack: Pack, family: Family, edges: Sequence[datetime], only: Sequence[Watched] | None) -> Readings:
    step_s = int(family.step.total_seconds())
    span = {"platform": pack.slug, "since": edges[0], "until": edges[-1], "step_s": step_s}
    rows = store.rows("anomaly_latency", **span, fewest=FEWEST_CALLS)
    names = sorted({signal.series for signal in pack.signals if signal.unit == "ms" and signal.show == "value"})
    gauges = store.rows("anomaly_signals", **span, names=names) if names else []
    if only is None:
        target = f"{pack.slug}/ai_latency_p95"
        models = _most([row["value"] for row in rows if row["dimension"]])
        series = [Watched(target, "ms")] if rows else []
        series += [Watched(f"{target}#model={name}", "ms", ("model", name)) for name in models if len(models) > 1]
        kinds = {(row["dimension"], row["value"]): (row["name"], row["labels"]) for row in gauges}
        for component, value in _most([(row["dimension"], row["value"]) for row in gauges]):
            name, labels = kinds[component, value]
            series.append(Watched(f"{pack.slug}/{name}#{_labels(component, labels)}", "ms", (component, value)))
    else:
        series = list(only)
    return Readings(edges, series, _filled([*rows, *gauges], edges, series, np.nan))


def _labels(component: str, labels: str) -> str:
    given: dict[str, Any] = json.loads(labels) or {}
    return ",".join([f"component={component}", *(f"{name}={given[name]}" for name in sorted(given))])


def _most(names: Sequence[T]) -> list[T]:
    """The names that come most often."""
    counted: dict[T, int] = {}
    for name in names:
        counted[name] = counted.get(name, 0) + 1
    return sorted(counted, key=lambda name: (-counted[name], str(name)))[:MOST_PARTS]


def _filled(rows: Sequence[Mapping[str, Any]], edges: Sequence[datetime], series: Sequence[Watched], empty: float) -> Floats:
    places = {edge: i for i, edge in enumerate(edges[:-1])}
    columns = {each.where or ("", ""): j for j, each in enumerate(series)}
    values = np.full((len(edges) - 1, len(series)), empty)
    for row in rows:
        i, j = places.get(row["at"]), columns.get((row["dimension"], row["value"]))
        if i is not None and j is not None and row["reading"] is not None:
            values[i, j] = row["reading"]
    return values


def _since_first(values: Floats) -> Floats:
    """Nothing is known of a series before it first cost something."""
    begun = np.maximum.accumulate(values != 0, axis=0)
    return np.where(begun, values, np.nan)
