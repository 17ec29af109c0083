"""Reads what SLOs' questions need from the warehouse: a query for all counters, one for gauges, one for health checks, and each SQL of one's own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from analytics import slo_sql as sql
from analytics.slo_asking import US, Asking, SloView
from roomleft.errors import InputError, RoomleftError
from roomleft.slos import Minutes, Readings
from warehouse.store import Store, as_rows

BEFORE = timedelta(hours=1)
"""How long before a window a counter's last value is looked for."""
MATCH = (
    "component",
    "provider",
    "model",
    "request_type",
    "tier",
    "status",
    "feature",
    "team",
    "project",
    "environment",
    "cost_centre",
)
QUANTITY = {
    "requests": "requests",
    "images": "images",
    "characters": "characters",
    "audio_seconds": "audio_seconds",
    "tokens": "input_uncached_tokens + cache_read_tokens + cache_write_tokens + output_tokens",
}
Leaf = tuple[Asking, str, str, Any, str | None, float | None]
"""A question's role read from a platform's series: the meter that names them, and how their readings are judged."""


def _spans(asked: Sequence[Asking]) -> dict[str, list[int]]:
    pairs = [(one.number, span // US) for one in asked for span in one.spans]
    return {"span_slo": [number for number, _ in pairs], "span_us": [us for _, us in pairs]}


def leaves_of(leaves: Sequence[Leaf]) -> dict[str, object]:
    """The parameters of a query that say which series are read."""
    return {
        "leaf": list(range(len(leaves))),
        "slo": [one.number for one, *_ in leaves],
        "role": [leaf[1] for leaf in leaves],
        "platform": [leaf[2] for leaf in leaves],
        "name": [leaf[3].series for leaf in leaves],
        "component": [leaf[3].component for leaf in leaves],
        "labels": [[f"{key}\x1f{value}" for key, value in leaf[3].labels.items()] for leaf in leaves],
        "op": [leaf[4] for leaf in leaves],
        "line": [leaf[5] for leaf in leaves],
    }


def _run(view: SloView, text: str, at: datetime, reach: timedelta, params: Mapping[str, object]) -> list[dict[str, Any]]:
    bound = {"at": at, "since": at - reach, "read_to": view.read_to, **params}
    return as_rows(view.store.select(text, {name: value for name, value in bound.items() if f"${name}" in text}))


def _in_slices(asked: Sequence[Asking]) -> Iterable[tuple[int, list[Asking]]]:
    """Those counted as a whole (0), and those in slices by how long they are."""
    groups: dict[int, list[Asking]] = {}
    for one in asked:
        groups.setdefault(one.slice_us if one.sliced else 0, []).append(one)
    return groups.items()


def _count(view: SloView, asked: Sequence[Asking], at: datetime) -> None:
    for slice_us, group in _in_slices([one for one in asked if one.counters]):
        leaves: list[Leaf] = [(one, role, platform, meter, None, None) for one in group for role, platform, meter in one.counters]
        reach = max(span for one in group for span in one.spans) + BEFORE
        params = {**leaves_of(leaves), **_spans(group), "slice_us": slice_us}
        by_number = {one.number: one for one in group}
        for row in _run(view, sql.COUNTER_SLICES if slice_us else sql.COUNTERS, at, reach, params):
            by_number[row["slo"]].note(row["role"], row["slice" if slice_us else "span_us"], row["amount"], row["newest"])
        _miss(view, leaves)


def _miss(view: SloView, leaves: Sequence[Leaf]) -> None:
    """A count of failures may stay away until the first one, while its siblings are there; one that nothing is known of is unknown."""
    absent = [leaf for leaf in leaves if leaf[1] not in leaf[0].newest]
    if not absent:
        return
    params = {"name": [leaf[3].series for leaf in absent], "platform": [leaf[2] for leaf in absent]}
    seen = {(row["name"], row["platform"]) for row in as_rows(view.store.select(sql.SEEN, params))}
    for one, role, platform, meter, _, _ in absent:
        if role == "total" or (meter.series, platform) not in seen:
            one.unseen.append(meter.series)


def _read(view: SloView, asked: Sequence[Asking], at: datetime) -> None:
    for slice_us, group in _in_slices([one for one in asked if one.gauges]):
        leaves: list[Leaf] = []
        for one in group:
            indicator = one.slo.indicator
            op = indicator.op if isinstance(indicator, Readings) else "sum"
            line = float(indicator.value) if isinstance(indicator, Readings) and indicator.value is not None else None
            leaves += [(one, role, platform, meter, op or "sum", line) for role, platform, meter in one.gauges]
        reach = max(span for one in group for span in one.spans)
        params = {**leaves_of(leaves), **_spans(group), "slice_us": slice_us}
        by_number = {one.number: one for one in group}
        for row in _run(view, sql.READING_SLICES if slice_us else sql.READINGS, at, reach, params):
            one, place = by_number[row["slo"]], row["slice" if slice_us else "span_us"]
            if not isinstance(one.slo.indicator, Readings):
                one.note(row["role"], place, row["amount"], row["newest"])
            elif one.slo.indicator.op is not None:
                one.tally(place, row["bad"], row["readings"], row["newest"])
            elif row["least"] < 0 or row["most"] > 1:
                one.fault = f"a share of {row['most']:g} was read: it must lie between 0 and 1"
            else:
                bad = row["amount"] if one.slo.indicator.failures else row["readings"] - row["amount"]
                one.tally(place, bad, row["readings"], row["newest"])
        for leaf in leaves:
            if leaf[1] not in leaf[0].newest:
                leaf[0].unseen.append(leaf[3].series)


def _watch(view: SloView, asked: Sequence[Asking], at: datetime) -> None:
    watched = [one for one in asked if isinstance(one.slo.indicator, Minutes)]
    for slice_us, group in _in_slices(watched):
        meters = [one.slo.indicator.meter for one in group if isinstance(one.slo.indicator, Minutes)]
        reach = max(span for one in group for span in one.spans) + max(meter.every for meter in meters)
        params = {
            "slo": [one.number for one in group],
            "platform": [one.slo.platform for one in group],
            "components": [list(meter.components) for meter in meters],
            "checks": [meter.checks for meter in meters],
            "minutes": [max(1, math.ceil(meter.every / timedelta(minutes=1))) for meter in meters],
            **_spans(group),
            "slice_us": slice_us,
        }
        by_number = {one.number: one for one in group}
        for row in _run(view, sql.MINUTE_SLICES if slice_us else sql.MINUTES, at, reach, params):
            by_number[row["slo"]].tally(row["slice" if slice_us else "span_us"], row["bad"], row["total"], row["newest"])


def _use(view: SloView, asked: Sequence[Asking], at: datetime) -> None:
    fresh: dict[str, datetime | None] = {}
    for one in asked:
        for role, platform, meter in one.used:
            if one.sliced:
                one.fault = "AI usage is not counted in slices of time"
                continue
            given = meter.where.given()
            if set(given) - set(MATCH) - {"api_key"}:
                one.fault = "an SLO cannot count one user's calls"
                continue
            columns = ", ".join(
                f"sum({QUANTITY[meter.of]}) FILTER (occurred_at > $at::TIMESTAMPTZ - to_microseconds({span // US})) AS in_{n}"
                for n, span in enumerate(one.spans)
            )
            sums = ", ".join(f"in_{n}::DOUBLE" for n in range(len(one.spans)))
            names = {"api_key": "api_key_hash"}
            filters = " ".join(f"AND list_contains($f_{key}::VARCHAR[], {names.get(key, key)})" for key in given)
            text = sql.USED.format(sums=sums, columns=columns, filters=filters)
            params = {
                "usage_platform": platform,
                "span_us": [span // US for span in one.spans],
                **{f"f_{k}": v for k, v in given.items()},
            }
            if platform not in fresh:
                fresh[platform] = _run(view, sql.USED_FRESH, at, timedelta(days=2), {"platform": platform})[0]["newest"]
            for row in _run(view, text, at, one.spans[-1], params):
                one.note(role, row["span_us"], row["amount"] or 0.0, fresh[platform])


def _ask(view: SloView, asked: Sequence[Asking], at: datetime) -> None:
    """Queries of one's own, one a window: the gate lets only what reads through."""
    for one in asked:
        for role, text, where in one.queries:
            if one.sliced:
                one.fault = "a query's events are not counted in slices of time"
                continue
            for span in one.spans:
                try:
                    value, observed_at = asked_value(view.store, text, at - span, at, where)
                except RoomleftError as error:
                    one.fault = f"{where}: {error.what}"
                    break
                if value is not None:
                    one.note(role, span // US, value, observed_at or at)


def asked_value(store: Store, text: str, start: datetime, end: datetime, where: str) -> tuple[float | None, datetime | None]:
    """The `value` (and `observed_at`, where it tells) of a query over [start, end). Raises QueryRefused, QueryTimeout, StoreError."""
    for name, instant in (("$window_start", start), ("$window_end", end)):
        text = text.replace(name, f"TIMESTAMPTZ '{instant:%Y-%m-%d %H:%M:%S.%f}+00'")
    rows = as_rows(store.ask(text.strip().rstrip(";"), row_limit=2, see_users=True))
    if len(rows) != 1 or "value" not in rows[0]:
        raise InputError(f"the query must give one row with a column named value, it gave {len(rows)} rows", where)
    value = rows[0]["value"]
    if value is not None and not isinstance(value, (int, float, Decimal)):
        raise InputError(f"value is {value!r}, not a number", where)
    return (None if value is None else float(value)), rows[0].get("observed_at")


READERS = (_count, _read, _watch, _use, _ask)
