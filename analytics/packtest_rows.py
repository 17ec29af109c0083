"""The rows that a pack test's lines stand for, handed out as they happen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from roomleft.errors import PackError
from roomleft.packs import Pack
from roomleft.packs_yaml import nearest
from roomleft.timespan import midnight
from warehouse import tables
from warehouse.writer import Batch, Cursor

if TYPE_CHECKING:
    from analytics.packtest import BusinessScript, Load

SERIES = re.compile(r"([A-Za-z_:][A-Za-z0-9_:]*)(?:\{(.*)\})?")
LABEL = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*"([^"]*)"\s*(?:,|$)')
NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
VALUE = re.compile(
    rf"(?P<gap>_)|(?P<end>end)|(?P<odd>NaN|\+Inf|-Inf)|(?P<word>pass|warn|fail)|(?P<first>{NUMBER})(?P<step>[-+]{NUMBER.removeprefix('-?')})?"
)
MOST = 200_000


class _Gap:
    """No reading at this time."""


GAP = _Gap()
Value = float | str | None | _Gap


@dataclass(frozen=True, slots=True)
class SeriesName:
    """A series by its name and labels."""

    name: str
    labels: tuple[tuple[str, str], ...]

    def component(self, named: Mapping[str, str]) -> str:
        """Its component, among those of the pack's series. Raises PackError."""
        if self.name not in named:
            raise PackError(f"no signal or meter reads the series '{self.name}'", "", nearest(self.name, named, "series"))
        return named[self.name]


def parse_series(text: str) -> SeriesName:
    """`name` or `name{label="value"}`. Raises PackError."""
    match = SERIES.fullmatch(text.strip())
    labels = tuple(LABEL.findall(match[2] or "")) if match else ()
    if not match or "".join(LABEL.sub("", match[2] or "").split()):
        raise PackError(f"{text!r} is not a series", "", 'write name or name{label="value"}')
    return SeriesName(match[1], labels)


def parse_values(line: str, *, words: bool = False) -> list[Value]:
    """A line of values, one for each step: floats, NaN and infinities, None for the end of the series, GAP; or health words. Raises PackError."""
    values: list[Value] = []
    for token in line.split():
        body, cross, count = token.rpartition("x")
        if not cross or not count.isdigit():
            body, count = token, "1"
        match = VALUE.fullmatch(body)
        if not match or ((match["word"] is not None) != words and match["gap"] is None):
            known = "passx5, failx2 or _x3" if words else "0.60x5, 0+60x10, _x3, NaN or end"
            raise PackError(f"{token!r} is not a value", "", f"write for example {known}")
        times = int(count)
        if len(values) + times > MOST:
            raise PackError(f"more than {MOST:,} values", "", "use a longer every")
        values.extend(_value(match, k) for k in range(times))
    if not values:
        raise PackError("no values", "", "write for example 0.60x5")
    return values


def _value(match: re.Match[str], k: int) -> Value:
    if match["gap"]:
        return GAP
    if match["end"]:
        return None
    if match["word"]:
        return match["word"]
    if match["odd"]:
        return float(match["odd"])
    return float(match["first"]) + k * float(match["step"] or 0)


@dataclass(slots=True)
class Rows:
    """Everything a script loads, by when it happens."""

    pack: Pack
    begin: datetime
    component_of: Callable[[SeriesName], str]
    samples: list[dict[str, Any]] = field(default_factory=list)
    health: list[dict[str, Any]] = field(default_factory=list)
    usage: list[dict[str, Any]] = field(default_factory=list)
    business: list[dict[str, Any]] = field(default_factory=list)
    reads: list[datetime] = field(default_factory=list)

    def add(self, load: Load) -> None:
        """Add what one load says."""
        begin = self.begin + load.at
        for text, line in load.series.items():
            series = parse_series(text)
            named = {
                "platform": self.pack.slug,
                "component": self.component_of(series),
                "name": series.name,
                "labels": dict(series.labels),
            }
            for at, value in _times(begin, load.every, parse_values(line)):
                self.samples.append({**named, "observed_at": at, "value": value})
        for key, line in load.health.items():
            component, _, check = key.partition(":")
            for at, value in _times(begin, load.every, parse_values(line, words=True)):
                named = {"platform": self.pack.slug, "component": component, "check_name": check or "health"}
                self.health.append({**named, "observed_at": at, "status": value, "words": f"{component} {value}"})
        for number, script in enumerate(load.usage):
            for k in range(script.times):
                self.usage.append(
                    {
                        "event_id": f"{load.at}-{number}-{k}",
                        "source": self.pack.source_name,
                        "occurred_at": begin + script.at + k * script.every,
                        "requests": 1,
                        "platform": self.pack.slug,
                        "component": script.component,
                        "provider": script.provider,
                        "model": script.model,
                        "request_type": script.request_type,
                        "tier": script.tier,
                        "status": script.status,
                        "user_id": script.user.replace("{n}", str(k)),
                        "input_uncached_tokens": script.input_tokens,
                        "cache_read_tokens": 0,
                        "cache_write_tokens": 0,
                        "output_tokens": script.output_tokens,
                        "reasoning_tokens": 0,
                        "images": script.images,
                        "characters": script.characters,
                        "audio_seconds": script.audio_seconds,
                        "latency_ms": script.latency_ms,
                    }
                )
        for day in load.business:
            self.business.extend(_business_days(self.pack, begin + day.at, day))
        if load.read_until is not None:
            self.reads.append(self.begin + load.read_until)

    def until(self, now: datetime) -> Iterator[Batch]:
        """What has happened by `now` and was not handed out before."""
        samples, self.samples = _split(self.samples, "observed_at", now)
        health, self.health = _split(self.health, "observed_at", now)
        usage, self.usage = _split(self.usage, "occurred_at", now)
        begun, self.business = _split(self.business, "begins_at", now)
        if samples:
            yield Batch(self.pack.source_name, samples=pa.Table.from_pylist(samples, schema=tables.SAMPLES))
        if health:
            yield Batch(self.pack.source_name, health=pa.Table.from_pylist(health, schema=tables.HEALTH))
        read = any(at >= now for at in self.reads)
        if usage or read:
            cursor = Cursor(self.pack.source_name, "usage", now.isoformat(), now, self.begin, now, True) if read else None
            yield Batch(self.pack.source_name, usage=pa.Table.from_pylist(usage, schema=tables.USAGE), cursor=cursor)
        if begun:
            rows = [{name: row[name] for name in tables.BUSINESS.names} for row in begun]
            yield Batch(self.pack.source_name, business=pa.Table.from_pylist(rows, schema=tables.BUSINESS))
        if read:
            yield Batch(
                self.pack.source_name, cursor=Cursor(self.pack.source_name, "business", now.date().isoformat(), caught_up=True)
            )


def _business_days(pack: Pack, first: datetime, script: BusinessScript) -> Iterator[dict[str, Any]]:
    zone = ZoneInfo(pack.zone)
    for k in range(script.days):
        day = first.astimezone(zone).date() + timedelta(days=k)
        yield {
            "begins_at": midnight(day, zone),
            "platform": pack.slug,
            "source": pack.source_name,
            "day": day,
            "tier": script.tier,
            "active_users": script.active_users,
            "new_users": script.new_users,
            "returning_users": script.returning_users,
            "converted_users": script.converted_users,
            "revenue_usd": script.revenue_usd.quantize(Decimal("0.000000001")),
            "satisfaction": script.satisfaction,
        }


def _times(begin: datetime, every: timedelta, values: list[Value]) -> Iterator[tuple[datetime, float | str | None]]:
    for k, value in enumerate(values):
        if not isinstance(value, _Gap):
            yield begin + k * every, value


def _split(rows: list[dict[str, Any]], key: str, now: datetime) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return [row for row in rows if row[key] <= now], [row for row in rows if row[key] > now]
