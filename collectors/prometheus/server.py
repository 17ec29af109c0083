"""A Prometheus server as a source: the pack's `promql` meters, evaluated there, live and back to what it still keeps.

Nothing is scraped a second time: each meter is one `query_range`, on a grid of whole steps since 1970, so that asking again gives the same
points. The newest day is read first; then history, day by day backwards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import orjson
import pyarrow as pa

from collectors.fetch import Fetcher, Patience
from collectors.prometheus.answers import Alive, QueryFault, ask, micros, samples_of
from collectors.taken import Position, Taken
from roomleft.errors import CollectError, InputError
from roomleft.packs_meters import PromqlMeter
from roomleft.packs_sources import PrometheusServerSource
from roomleft.timespan import parse_span
from warehouse import tables

DAY = timedelta(days=1)
SETTLE = timedelta(seconds=10)
"""Points younger than this may still change: the server has not stored every scrape of that moment yet."""
MOST_POINTS = 10_000
"""A server answers at most 11 000 points a series."""
WINDOWS_A_LOOK = 8
"""How many days of history one look reads before it lets the newest points come first again."""


def series_name(meter_id: str) -> str:
    """The series that a `promql` meter's points are stored as."""
    return f"promql:{meter_id}"


@dataclass
class Progress:
    """How far one meter has been read: [back, to] in microseconds since 1970, and the oldest instant there is. `query` says of what."""

    query: str
    to_us: int
    back_us: int
    oldest_us: int


class PrometheusServer:
    """Reads every `promql` meter of one pack from one server."""

    kind = "prometheus-server"

    def __init__(self, slug: str, entry: PrometheusServerSource, secret: str | None, meters: Mapping[str, PromqlMeter]) -> None:
        self.platform = slug
        self.source = f"{slug}.{entry.name}"
        self.component = entry.component
        self.interval = entry.interval
        self._entry = entry
        self._url = entry.url.rstrip("/")
        self._meters = {name: meter for name, meter in meters.items() if meter.source == entry.name}
        timeout_s = entry.timeout.total_seconds()
        self._fetcher = Fetcher(
            self._url,
            secret or "",
            Patience(connect_timeout_s=min(5.0, timeout_s), read_timeout_s=timeout_s, total_timeout_s=timeout_s, attempts=1),
        )
        self._alive: dict[str, Alive] = {name: Alive() for name in self._meters}
        self._retention: timedelta | None = None

    def take(self, now: datetime, position: Position | None) -> Taken:
        """Read what is new, then some history. A query the server refuses fails alone, with its words on a check of its own."""
        # A meter that the pack no longer has must not hold back how far the others have been read.
        known = {name: each for name, each in _progress_of(position).items() if name in self._meters}
        found: list[pa.Table] = []
        health: list[dict[str, object]] = []
        error: CollectError | None = None
        try:
            oldest = max(now - self._entry.back_fill, now - self._kept())
            for name, meter in self._meters.items():
                try:
                    warnings = self._read(name, meter, known, oldest, now, found)
                    words = "; ".join(warnings)
                    health.append(self._check(name, "warn" if warnings else "pass", words, now))
                except QueryFault as fault:
                    health.append(self._check(name, "fail", str(fault), now))
        except CollectError as fault:
            error = fault
        finally:
            self._fetcher.rest()
        return Taken(
            samples=pa.concat_tables(found) if found else tables.SAMPLES.empty_table(),
            health=pa.Table.from_pylist(health, schema=tables.HEALTH) if health else None,
            error=error,
            position=_position(known),
            more=error is None and any(each.back_us > each.oldest_us for each in known.values()),
        )

    def _read(
        self,
        name: str,
        meter: PromqlMeter,
        known: dict[str, Progress],
        oldest: datetime,
        now: datetime,
        found: list[pa.Table],
    ) -> tuple[str, ...]:
        step = meter.step
        newest = _floor(now - SETTLE, step)
        query = f"{meter.query} every {step}"
        one = known.get(name)
        if one is None or one.query != query:
            # A changed query is another question: its past is asked for again.
            begin = _ceil(max(oldest, newest - DAY), step)
            warnings = self._window(name, meter, begin, newest, found, self._alive[name])
            known[name] = Progress(query, micros(newest), micros(begin), micros(_ceil(oldest, step)))
            return warnings
        warnings = ()
        since = _instant(one.to_us) + step
        if since < newest - DAY:
            # After a long silence the newest day comes first; what lies between is read as history again.
            newest_day = _ceil(newest - DAY, step)
            one.oldest_us = max(one.oldest_us if one.back_us > one.oldest_us else micros(since), micros(_ceil(oldest, step)))
            one.back_us, since = micros(newest_day), newest_day
        if since <= newest:
            warnings = self._window(name, meter, since, newest, found, self._alive[name])
            one.to_us = micros(newest)
        for _ in range(WINDOWS_A_LOOK):
            if one.back_us <= one.oldest_us:
                break
            until = _instant(one.back_us) - step
            begin = max(_instant(one.oldest_us), _ceil(until - DAY, step))
            if begin <= until:
                self._window(name, meter, begin, until, found, None)
            one.back_us = micros(begin) if begin <= until else one.oldest_us
        return warnings

    def _window(
        self, name: str, meter: PromqlMeter, since: datetime, until: datetime, found: list[pa.Table], alive: Alive | None
    ) -> tuple[str, ...]:
        """Read [since, until], in as many queries as the server's own limit of points asks for."""
        warnings: tuple[str, ...] = ()
        where = f"{self._url} meter {name}"
        begin = since
        while begin <= until:
            end = min(until, begin + meter.step * (MOST_POINTS - 1))
            params = {
                "query": meter.query,
                "start": f"{begin.timestamp():.3f}",
                "end": f"{end.timestamp():.3f}",
                "step": f"{meter.step.total_seconds():g}",
            }
            data, said = ask(self._fetcher, "/api/v1/query_range", params, where)
            component = meter.component or self.component
            found.append(samples_of(data, self.platform, component, series_name(name), begin, end, meter.step, alive, where))
            warnings += said
            begin = end + meter.step
        return tuple(dict.fromkeys(warnings))

    def _kept(self) -> timedelta:
        """How long the server keeps what it scraped; ten years for one that does not say (Thanos, Mimir, VictoriaMetrics)."""
        if self._retention is None:
            try:
                data, _ = ask(self._fetcher, "/api/v1/status/runtimeinfo", {}, self._url)
                self._retention = retention(str(data.get("storageRetention", ""))) if isinstance(data, dict) else None
            except CollectError as error:
                if not isinstance(error, QueryFault) and "answered 404" not in error.what:
                    raise
        return self._retention or timedelta(days=3650)

    def _check(self, name: str, status: str, words: str, now: datetime) -> dict[str, object]:
        meter = self._meters[name]
        return {
            "platform": self.platform,
            "component": meter.component or self.component,
            "check_name": f"query {name}",
            "observed_at": now,
            "status": status,
            "value": None,
            "unit": None,
            "words": words[:1000],
        }


def retention(text: str) -> timedelta | None:
    """The time part of `storageRetention`, such as `15d`, `15d or 512MB`; None when only a size bounds it."""
    for part in re.split(r"\s+or\s+", text):
        years = re.fullmatch(r"(\d+)y", part.strip())
        try:
            kept = timedelta(days=365 * int(years[1])) if years else parse_span(part)
        except InputError:
            continue
        if kept > timedelta(0):
            return kept
    return None


def _floor(instant: datetime, step: timedelta) -> datetime:
    whole = step // timedelta(microseconds=1)
    return _instant(micros(instant) // whole * whole)


def _ceil(instant: datetime, step: timedelta) -> datetime:
    whole = step // timedelta(microseconds=1)
    return _instant(-(-micros(instant) // whole) * whole)


def _instant(at_us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)


def _progress_of(position: Position | None) -> dict[str, Progress]:
    if position is None or not position.text:
        return {}
    try:
        return {name: Progress(**each) for name, each in orjson.loads(position.text).items()}
    except (orjson.JSONDecodeError, TypeError, AttributeError):
        return {}


def _position(known: Mapping[str, Progress]) -> Position | None:
    if not known:
        return None
    return Position(
        orjson.dumps({name: asdict(each) for name, each in known.items()}).decode(),
        read_to=_instant(min(each.to_us for each in known.values())),
        oldest_at=_instant(max(each.back_us for each in known.values())),
        newest_at=_instant(max(each.to_us for each in known.values())),
        caught_up=all(each.back_us <= each.oldest_us for each in known.values()),
    )
