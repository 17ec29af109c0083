"""Latency percentiles of any range, from histogram counts: within 1 % of the exact ones at a fraction of the reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from roomleft.errors import InputError
from roomleft.timespan import utc
from warehouse.store import Store

MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
QUANTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Latency of the calls in [since, until): `latency_ms` by quantile (empty when nothing was measured), and how many calls.

    `since` and `until` are the edges really used: whole minutes, or whole hours where minutes are no longer kept.
    """

    since: datetime
    until: datetime
    count: int
    latency_ms: dict[float, float]


def latency_percentiles(
    store: Store,
    platform: str,
    since: datetime,
    until: datetime,
    qs: Sequence[float] = QUANTILES,
    provider: str | None = None,
    model: str | None = None,
) -> Percentiles:
    """The quantiles `qs` (0 to 1) of a platform's latency in [since, until), of one provider or model if given.

    The value at rank ceil(q · n), within 1 %. Raises InputError for a naive or empty range or a quantile outside 0 to 1.
    """
    series = latency_series(store, platform, since, until, until - since, qs, provider, model)
    if series:
        return series[0]
    first, last, _ = _edges(store, since, until)
    return Percentiles(first, last, 0, {})


def latency_series(
    store: Store,
    platform: str,
    since: datetime,
    until: datetime,
    step: timedelta,
    qs: Sequence[float] = QUANTILES,
    provider: str | None = None,
    model: str | None = None,
) -> list[Percentiles]:
    """The same for every `step` of [since, until), for a chart; steps in which nothing was measured are left out.

    A step below an hour is widened to one where minutes are no longer kept. Raises InputError.
    """
    if not qs or not all(0 <= q <= 1 for q in qs):
        raise InputError(f"{list(qs)} are not quantiles", "latency percentiles", "give numbers from 0 to 1, such as 0.5 and 0.99")
    if step <= timedelta(0):
        raise InputError("a step must be above 0", "latency percentiles")
    first, last, minutes_from = _edges(store, since, until)
    whole = step >= until - since
    if whole:
        step = last - first
    elif first < minutes_from:
        step = max(_up(step, HOUR), HOUR)
    else:
        step = max(_up(step, MINUTE), MINUTE)
    by_hours = whole or (step % HOUR == timedelta(0) and first == _down(first, HOUR))
    # Hours in the middle, minutes at both ends; where minutes are gone, the edges are whole hours already.
    hours = (_up_to(first, HOUR), _down(last, HOUR))
    if not by_hours or hours[0] > hours[1]:
        hours = (last, last)
    steps: dict[str, object] = {} if whole else {"step_us": step // MICROSECOND}
    rows = store.rows(
        "latency_percentiles_whole" if whole else "latency_percentiles",
        **steps,
        platform=platform,
        provider=provider,
        model=model,
        qs=sorted({float(q) for q in qs}),
        origin=first,
        hours_since=hours[0],
        hours_until=hours[1],
        head_since=first,
        head_until=hours[0],
        tail_since=hours[1],
        tail_until=last,
    )
    found: dict[datetime, Percentiles] = {}
    for row in rows:
        at: datetime = row["at"]
        here = found.setdefault(at, Percentiles(at, min(at + step, last), row["count"], {}))
        here.latency_ms[row["q"]] = row["latency_ms"]
    return list(found.values())


def _edges(store: Store, since: datetime, until: datetime) -> tuple[datetime, datetime, datetime]:
    """The range widened to minutes, or to hours where minutes are gone; and the instant from which minutes are kept."""
    since, until = utc(since), utc(until)
    if since >= until:
        raise InputError("the range is empty", "latency percentiles", "`until` must be after `since`")
    sealed = store.select("SELECT max(before) AS before FROM sealed WHERE rollup = 'latency_1m'")["before"][0].as_py()
    minutes_from = sealed.astimezone(UTC) if sealed is not None else datetime.min.replace(tzinfo=UTC)
    first = _down(since, HOUR if since < minutes_from else MINUTE)
    last = _up_to(until, HOUR if until < minutes_from else MINUTE)
    return first, last, minutes_from


def _down(instant: datetime, grain: timedelta) -> datetime:
    return instant - (instant - datetime(1970, 1, 1, tzinfo=UTC)) % grain


def _up_to(instant: datetime, grain: timedelta) -> datetime:
    down = _down(instant, grain)
    return instant if down == instant else down + grain


def _up(span: timedelta, grain: timedelta) -> timedelta:
    return -(-span // grain) * grain
