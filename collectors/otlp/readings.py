"""Metrics as samples, and as usage where a pack counts on token metrics alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from collectors.otlp.calls import EPOCH, at_of
from collectors.otlp.points import CUMULATIVE, DELTA, LEVEL, Point, name_of, points_of, safe
from collectors.otlp.running import Key, Running, Sum
from collectors.otlp.senders import Sender
from collectors.otlp.token_metrics import TOKEN_METRICS, TokenMetrics
from collectors.records.fields import EARLIEST, FUTURE_ALLOWED, TEXT_KEYS, TEXT_LIMIT, Refusal
from collectors.records.refused import RefusedRows
from collectors.records.samples_rows import samples_table
from collectors.records.usage_rows import usage_table
from warehouse import tables

WRITTEN = re.compile(r"(^|[._])(" + "|".join(sorted(TEXT_KEYS | {"message", "arguments"})) + r")($|[._])", re.IGNORECASE)
"""Names of attributes that hold what people wrote. `gen_ai.input.messages` is one, `gen_ai.token.type` is none."""
INSTANCE = ("service.instance.id", "k8s.pod.name", "host.name")
NO_PART = "otlp"
"""The component of a resource that names no service."""
LATE = "is not after what was added last: a difference that comes late cannot be added any more"


@dataclass(frozen=True, slots=True)
class Readings:
    """What a request comes to: `refused` data points are kept out, `sums` is how far its series are once all of it is stored."""

    samples: pa.Table
    usage: pa.Table
    rejected: pa.Table
    refused: int
    reasons: tuple[str, ...]
    platforms: frozenset[str]
    sums: Mapping[Key, Sum]


@dataclass(slots=True)
class _Reading:
    """A data point of a series on its way."""

    key: Key
    value: float | None
    at: int
    since: int
    form: int
    point: int


@dataclass(slots=True)
class _Work:
    source: str
    now: datetime
    refused: RefusedRows
    readings: list[_Reading] = field(default_factory=list)
    tokens: dict[int, tuple[str, Sender, Any]] = field(default_factory=dict)
    """Data points of token metrics that are to become usage, by their number."""
    points_refused: set[int] = field(default_factory=set)


def readings_of(
    request: ExportMetricsServiceRequest, *, source: str, sender_of: Callable[[Any], Sender], running: Running, now: datetime
) -> Readings:
    """The readings of a request as `tables.SAMPLES`, token metrics of packs that count on them as `tables.USAGE` too."""
    work = _Work(source, now, RefusedRows(source, "samples", now, {"name", "platform", "component"}))
    count = 0
    for group in request.resource_metrics:
        sender = sender_of(group.resource)
        whose = _labels(group.resource)
        component = sender.whom({}).get("component") or sender.service or NO_PART
        for scope in group.scope_metrics:
            for metric in scope.metrics:
                count = _metric(work, metric, sender, component, whose, count)
    records, places, sums, gained = _summed(work, running)
    usage = TokenMetrics(work.tokens, gained).records()
    return _tables(work, records, places, sums, usage)


def _metric(work: _Work, metric: Any, sender: Sender, component: str, whose: Mapping[str, str], count: int) -> int:
    name = name_of(metric)
    told: Refusal | None = None
    if sender.platform is None:
        told = Refusal("platform", sender.unknown)
    elif not name:
        told = Refusal("name", "is required")
    counted = sender.metrics_only and metric.name in TOKEN_METRICS
    reasons: set[str] = set()
    for point in points_of(metric):
        count += 1
        refusal = told or (point if isinstance(point, Refusal) else None)
        if refusal is not None:
            work.points_refused.add(count)
            if refusal.reason not in reasons:
                # Once a metric: a metric of ten thousand points has one fault, not ten thousand.
                reasons.add(refusal.reason)
                work.refused.add(refusal, count, {"name": name, "platform": sender.platform, "component": component})
            continue
        assert isinstance(point, Point), "what is no refusal is a point"
        labels = {**_point_labels(point), **whose}
        if counted:
            work.tokens[count] = (metric.name, sender, point)
        for ending, label, value, reading in point.values:
            pairs = tuple(sorted({**labels, label: value}.items())) if label else tuple(sorted(labels.items()))
            key = (str(sender.platform), component, f"{name}{ending}", pairs)
            form = LEVEL if label == "quantile" else CUMULATIVE if ending and point.form == LEVEL else point.form
            work.readings.append(_Reading(key, reading, point.at, point.since, form, count))
    return count


def _summed(
    work: _Work, running: Running
) -> tuple[list[dict[str, Any]], list[int], dict[Key, Sum], dict[tuple[int, str], tuple[float, int]]]:
    """(records, the data point of each, how far the series are, what each token point gained by its name's ending and since when)."""
    needed = [each.key for each in work.readings if each.form == DELTA or each.point in work.tokens]
    counters = [each.key for each in work.readings if each.form == CUMULATIVE and each.point not in work.tokens]
    sums = {**running.remembered(counters), **running.newest(needed, work.now)}
    first, last = (int((bound - EPOCH).total_seconds() * 1e9) for bound in (EARLIEST, work.now + FUTURE_ALLOWED))
    records: list[dict[str, Any]] = []
    places: list[int] = []
    gained: dict[tuple[int, str], tuple[float, int]] = {}
    late: set[int] = set()

    def put(each: _Reading, value: float | None, at: int) -> None:
        platform, component, name, labels = each.key
        records.append(
            {"component": component, "name": name, "labels": dict(labels), "observed_at": at_of(at), "value": value}
            | {"platform": platform}
        )
        places.append(each.point)

    changed: dict[Key, Sum] = {}
    for each in sorted(work.readings, key=lambda reading: reading.at):
        before = sums.get(each.key)
        follows = each.form == DELTA or each.point in work.tokens
        if each.value is None or each.form == LEVEL or not first <= each.at <= last:
            put(each, each.value, each.at)
            continue
        at_us, since_us = each.at // 1000, each.since // 1000
        if not follows:
            # A counter that began anew and has risen above what it was looks as if it had gone on: it began at 0.
            if before is not None and before.at_us < since_us < at_us and each.value >= before.value:
                put(each, 0.0, each.since)
            put(each, each.value, each.at)
            if before is None or at_us > before.at_us:
                sums[each.key] = changed[each.key] = Sum(each.value, at_us, since_us)
            continue
        if before is not None and at_us <= before.at_us:
            if at_us < before.at_us and each.form == DELTA and each.point not in late:
                late.add(each.point)
                work.points_refused.add(each.point)
                work.refused.add(Refusal("timeUnixNano", LATE), each.point, {"name": each.key[2], "platform": each.key[0]})
            continue
        if before is None and 0 < since_us < at_us:
            put(each, 0.0, each.since)
        value = each.value + (before.value if before is not None else 0.0) if each.form == DELTA else each.value
        gained[each.point, each.key[2]] = _gain(each, before, since_us)
        put(each, value, each.at)
        sums[each.key] = changed[each.key] = Sum(value, at_us, since_us)
    return records, places, changed, gained


def _gain(each: _Reading, before: Sum | None, since_us: int) -> tuple[float, int]:
    """(how much a counter rose, since when in microseconds). One that fell, or that says it began later than it was read last, began anew."""
    assert each.value is not None, "only readings rise"
    if each.form == DELTA:
        return each.value, since_us or (before.at_us if before is not None else 0)
    if before is None:
        # Of a counter that does not say since when it counts, the first reading is only where to count from.
        return (each.value, since_us) if since_us else (0.0, 0)
    if each.value < before.value or since_us >= before.at_us:
        return each.value, max(since_us, before.at_us)
    return each.value - before.value, before.at_us


def _labels(resource: Any) -> dict[str, str]:
    """What tells one sender's series from another's: `job` and `instance`, as Prometheus calls them."""
    texts = {pair.key: pair.value.string_value for pair in resource.attributes if pair.value.HasField("string_value")}
    job = "/".join(filter(None, (texts.get("service.namespace"), texts.get("service.name"))))
    instance = next((texts[name] for name in INSTANCE if texts.get(name)), "")
    return {name: value for name, value in (("job", job), ("instance", instance)) if value and len(value) <= TEXT_LIMIT}


def _point_labels(point: Point) -> dict[str, str]:
    """A point's attributes as labels. What may be a text that somebody wrote is left out."""
    labels: dict[str, str] = {}
    for pair in point.attributes:
        kind = pair.value.WhichOneof("value")
        if kind not in ("string_value", "int_value", "double_value", "bool_value") or WRITTEN.search(pair.key):
            continue
        value = getattr(pair.value, kind)
        text = str(value).lower() if kind == "bool_value" else str(value)
        name = safe(pair.key)
        if name and text and len(text) <= TEXT_LIMIT and "\n" not in text:
            labels[name] = f"{labels[name]};{text}" if name in labels else text
    return labels


def _tables(
    work: _Work, records: list[dict[str, Any]], places: list[int], sums: dict[Key, Sum], usage: list[dict[str, Any]]
) -> Readings:
    platforms = sorted({str(record["platform"]) for record in records})
    samples, rejected, rows = [], [work.refused.table()], []
    everyone: list[str | None] = [*platforms] or [None]
    for platform in everyone:
        which = [number for number, record in enumerate(records) if record["platform"] == platform]
        known = () if platform is None else (platform,)
        judged = samples_table(
            [records[number] for number in which], source=work.source, platform=platform, known_platforms=known, now=work.now
        )
        samples.append(judged.rows)
        rejected.append(judged.rejected)
        work.points_refused |= {places[which[line - 1]] for line in judged.rejected.column("line").to_pylist()}
        told = [record for record in usage if record["platform"] == platform]
        normal = usage_table(told, source=work.source, platform=platform, known_platforms=known, now=work.now)
        rows.append(normal.rows)
        rejected.append(normal.rejected)
    refused = pa.concat_tables(rejected)
    reasons = tuple(dict.fromkeys(refused.column("reason").to_pylist()))
    return Readings(
        samples=pa.concat_tables(samples) if samples else tables.SAMPLES.empty_table(),
        usage=pa.concat_tables(rows),
        rejected=refused,
        refused=len(work.points_refused) + sum(each.num_rows for each in rejected[2::2]),
        reasons=reasons,
        platforms=frozenset(platforms),
        sums=sums,
    )
