"""Behind the charts of a platform: a signal's readings, its AI calls, and the hops of a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from analytics import signals
from analytics.reports import hops
from dashboards import wording
from dashboards.charts.frame import AT, FILLING, FROM, SERIES, STATE, UNTIL, WHOLE, Frame, long_rows, value_column
from dashboards.charts.money import stepped, within
from dashboards.filters import Filters
from dashboards.parts import Parts
from roomleft.errors import InputError
from roomleft.packs import Pack
from roomleft.packs_parts import Signal
from roomleft.platform_names import unknown_platform

RAW_UP_TO = timedelta(hours=6)
MINUTES_UP_TO = timedelta(days=31)
MINUTE_S, HOUR_S = 60, 3600
ROWS = "/cost/rows"
LEAD_STEPS = signals.GAP_STEPS
"""A rise is told over as many steps at most."""
CALL_COLUMNS = (
    value_column("calls", ""),
    value_column("failed", "calls"),
    value_column("p50_latency", "ms"),
    value_column("p95_latency", "ms"),
    value_column("p99_latency", "ms"),
)


def pack_of(parts: Parts, filters: Filters) -> Pack:
    """The pack of the platform that an address names. Raises InputError."""
    pack = parts.packs.get(filters.platform or "")
    if pack is None:
        raise unknown_platform(filters.platform or "", parts.packs, "platform")
    return pack


def signal_key(signal: Signal) -> str:
    """How an address names a signal of a pack."""
    return f"{signal.component}.{signal.title.lower().replace(' ', '-')}"


def signal(parts: Parts, filters: Filters, now: datetime) -> Frame:
    """A signal's lines, all of them, as fine as they are kept: as they came up to six hours, by minute up to 31 days, by hour beyond.
    Raises InputError, StoreError."""
    pack = pack_of(parts, filters)
    wanted = filters.get("signal")
    own = next((each for each in pack.signals if signal_key(each) == wanted), None)
    if own is None:
        raise InputError(f"{pack.slug} has no signal {wanted[:60]!r}", "signal", "open the file from the chart's own menu")
    span, names = filters.span(now), signals.names_of([own])
    counted = own.show != "value"
    # What a counter grew by in the first step needs the reading before.
    rows, step_s = _samples(parts, pack, names, span, LEAD_STEPS if counted else 0)
    if counted and step_s < MINUTE_S:
        step_s = MINUTE_S
        rows = signals.coarser(rows, step_s)
    drawn = signals.draw(own, rows, step_s)
    first = _whole(span[0], step_s)
    lines = {name: [point for point in points if point[0] >= first] for name, points in drawn.lines.items()}
    each = timedelta(seconds=step_s)
    # A single reading is whole as it comes; a mean or a rise of a step that is not over is not.
    filling = None if not counted and each <= pack.interval else now - each
    found = long_rows({name or own.title: points for name, points in lines.items()}, filling)
    note = f"{'Readings' if each <= pack.interval else 'Means'} of {wording.age(each)}; times are where each step begins"
    return Frame(f"{own.title}, {pack.title}", (AT, SERIES, value_column("value", own.unit), STATE), found, filters.zone, note)


def _whole(at: datetime, step_s: int) -> datetime:
    return datetime.fromtimestamp(at.timestamp() // step_s * step_s, UTC)


def _samples(
    parts: Parts, pack: Pack, names: Sequence[str], span: tuple[datetime, datetime], lead: int = 0
) -> tuple[Sequence[Mapping[str, Any]], int]:
    """Readings by step, and the step in seconds; `lead`: of how many steps before the span too, none of which is shorter than a minute."""
    since, until = span
    step_s = max(1, round(pack.interval.total_seconds()))
    if until - since <= RAW_UP_TO:
        whole = _whole(since, max(step_s, MINUTE_S) if lead else step_s) - timedelta(seconds=lead * max(step_s, MINUTE_S))
        given = {"platform": pack.slug, "names": list(names), "since": whole, "until": until}
        if found := parts.store.rows("page_samples_raw", **given, step_s=step_s):
            return found, step_s
    table, step_s = ("page_samples_1m", MINUTE_S) if until - since <= MINUTES_UP_TO else ("page_samples_1h", HOUR_S)
    whole = _whole(since, step_s) - timedelta(seconds=lead * step_s)
    return parts.store.rows(table, platform=pack.slug, names=list(names), since=whole, until=until, step_s=step_s), step_s


def calls(parts: Parts, filters: Filters, now: datetime) -> Frame:
    """A platform's AI calls by minute: how many, how many failed, how long they took. Raises InputError, StoreError."""
    pack = pack_of(parts, filters)
    since, until = filters.span(now)
    step = timedelta(seconds=MINUTE_S if until - since <= timedelta(days=2) else HOUR_S)
    start = datetime.fromtimestamp(since.timestamp() // step.total_seconds() * step.total_seconds(), UTC)
    found = {
        row["bucket_start"]: row
        for row in parts.store.rows("page_live", platform=pack.slug, since=start, until=until, step_s=round(step.total_seconds()))
    }
    rows: list[Sequence[object]] = []
    links: list[str | None] = []
    for at in stepped(start, until, step):
        row, ends = found.get(at), at + step
        told = (
            [row[name] for name in ("requests", "failed_requests", "p50_ms", "p95_ms", "p99_ms")]
            if row
            else [0, 0, None, None, None]
        )
        rows.append([at, ends, *told, FILLING if ends > now else WHOLE])
        links.append(calls_address(filters, pack.slug, at, min(ends, now)) if row else None)
    note = f"Steps of {wording.age(step)}; a step without a call has no latency"
    return Frame(f"AI calls of {pack.title}", (FROM, UNTIL, *CALL_COLUMNS, STATE), rows, filters.zone, note, links)


def calls_address(filters: Filters, slug: str, since: datetime, until: datetime) -> str:
    """The rows behind a stretch of a platform's AI calls."""
    return within(filters.href(ROWS, platform=slug, range=None, kind="ai"), since, until, filters.zone)


def way(parts: Parts, filters: Filters, now: datetime) -> Frame:
    """The medians of a request's hops, and of its whole way. Raises InputError, StoreError."""
    pack = pack_of(parts, filters)
    path = pack.request_paths.get(filters.get("path"))
    if path is None:
        raise InputError(
            f"{pack.slug} has no request path {filters.get('path')[:60]!r}", "path", "open the file from the chart's own menu"
        )
    rows, step_s = _samples(parts, pack, hops.names_of(pack), filters.span(now))
    lines, total = hops.median_lines(path, rows, step_s)
    each = timedelta(seconds=step_s)
    found = long_rows({**lines, "whole way": total}, None if each <= pack.interval else now - each)
    note = f"Steps of {wording.age(each)}"
    return Frame(f"{path.title}, {pack.title}", (AT, SERIES, value_column("median", "ms"), STATE), found, filters.zone, note)
