"""One SLO's question for some windows: what must be read for it, and what the answers come to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from analytics.slo_interval import interval
from roomleft.findings import Unknown
from roomleft.packs import Pack
from roomleft.packs_meters import CountMeter, IncreaseMeter, Meter, PromqlMeter, SqlMeter, TotalMeter
from roomleft.slos import Asked, Counted, Events, Method, Minutes, Readings, Slo, Source, sources_of
from warehouse.store import Store

FRESH_FOR = timedelta(minutes=5)
US = timedelta(microseconds=1)


class SloView(Protocol):
    """What is looked at: the warehouse as of `read_to`, the packs and SLOs in force."""

    @property
    def store(self) -> Store: ...
    @property
    def packs(self) -> Mapping[str, Pack]: ...
    @property
    def slos(self) -> Mapping[str, Slo]: ...
    @property
    def read_to(self) -> datetime: ...
    @property
    def slack(self) -> timedelta:
        """How much older than usual data may be, on a clock that runs faster than the work can."""
        ...


@dataclass(frozen=True, slots=True)
class Looking:
    """The plainest SloView."""

    store: Store
    packs: Mapping[str, Pack]
    slos: Mapping[str, Slo]
    read_to: datetime
    slack: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Burn:
    """What an SLO's indicator says of one window that ends about now. `bad` of `total` events (minutes, slices, readings) were bad.

    `low` and `high`: the 95 % interval of their share; equal to it where nothing is sampled (minutes, slices, readings). `unknown`: it cannot be
    told, and `words` say why.
    """

    slo_id: str
    window: timedelta
    bad: float = 0.0
    total: float = 0.0
    observed_at: datetime | None = None
    unknown: Unknown | None = None
    words: str = ""
    sampled: bool = True
    """Whether the events are a sample of what might have come; chance then has a part in their share."""

    @classmethod
    def of(cls, slo: Slo, window: timedelta, bad: float, total: float, observed_at: datetime) -> Burn:
        """What so many bad events come to."""
        sampled = slo.method is Method.OCCURRENCES and isinstance(slo.indicator, Events)
        return cls(slo.slo_id, window, bad, total, observed_at, sampled=sampled)

    @property
    def ratio(self) -> float:
        """The share that was bad; 0 when there was nothing."""
        return self.bad / self.total if self.total > 0 else 0.0

    @property
    def low(self) -> float:
        """The lower end of the 95 % interval of the share."""
        return interval(self.bad, self.total)[0] if self.sampled else self.ratio

    @property
    def high(self) -> float:
        """Its upper end."""
        return interval(self.bad, self.total)[1] if self.sampled else self.ratio

    def rate(self, slo: Slo) -> float:
        """How many times faster than evenly the budget goes."""
        return self.ratio / float(slo.budget)


class Asking:
    """One SLO's windows, and what was found for them."""

    def __init__(self, number: int, slo: Slo, spans: Sequence[timedelta]) -> None:
        self.number, self.slo, self.spans = number, slo, sorted(spans)
        self.fault = ""
        self.counters: list[tuple[str, str, IncreaseMeter]] = []
        self.gauges: list[tuple[str, str, Any]] = []
        self.used: list[tuple[str, str, CountMeter]] = []
        self.queries: list[tuple[str, str, str]] = []
        self.amounts: dict[tuple[str, int], float] = {}
        """Of a role in a window or slice (its microseconds, or its number): events."""
        self.tallied: dict[int, tuple[float, float]] = {}
        """Of a window or slice that is judged as a whole: bad and all."""
        self.newest: dict[str, datetime] = {}
        self.unseen: list[str] = []

    @property
    def sliced(self) -> bool:
        return self.slo.method is not Method.OCCURRENCES

    @property
    def slice_us(self) -> int:
        return (self.slo.slice_window or timedelta(minutes=1)) // US

    def plan(self, packs: Mapping[str, Pack]) -> None:
        match self.slo.indicator:
            case Events(total=total, bad=bad, good=good):
                for role, source in (("total", total), ("bad", bad), ("good", good)):
                    if source is not None:
                        self._leaf(packs, role, source)
            case Readings(source=source):
                self.gauges.append(("total", source.platform, _series_of(source.meter_id, source.meter)))
            case Minutes():
                pass

    def _leaf(self, packs: Mapping[str, Pack], role: str, source: Source) -> None:
        if isinstance(source, Asked):
            self.queries.append((role, source.sql, source.where))
            return
        match source.meter:
            case TotalMeter(of=parts):
                for part in parts:
                    self._leaf(packs, role, Counted(source.platform, part, packs[source.platform].meters[part]))
            case IncreaseMeter() as meter:
                self.counters.append((role, source.platform, meter))
            case PromqlMeter() as meter if source.counter:
                self.counters.append((role, source.platform, _series_of(source.meter_id, meter)))
            case PromqlMeter() as meter:
                self.gauges.append((role, source.platform, _series_of(source.meter_id, meter)))
            case CountMeter() as meter:
                self.used.append((role, source.platform, meter))
            case SqlMeter() as meter:
                path = packs[source.platform].folder / meter.file
                try:
                    self.queries.append((role, path.read_text(encoding="utf-8"), str(path)))
                except OSError as error:
                    self.fault = f"{path} cannot be read: {error.strerror}"
            case meter:
                self.fault = f"a meter of kind {meter.kind} counts no events"

    def note(self, role: str, place: int, amount: float, newest: datetime | None) -> None:
        self.amounts[role, place] = self.amounts.get((role, place), 0.0) + amount
        if newest is not None:
            self.newest[role] = max(newest, self.newest.get(role, newest))

    def tally(self, place: int, bad: float, total: float, newest: datetime) -> None:
        self.tallied[place] = (bad, total)
        self.newest["total"] = max(newest, self.newest.get("total", newest))

    # What it comes to

    def burn(self, view: SloView, window: timedelta, at: datetime) -> Burn:
        slo_id = self.slo.slo_id
        if self.fault:
            return Burn(slo_id, window, unknown=Unknown.ERROR, words=self.fault)
        observed_at = self.newest.get("total")
        if observed_at is None:
            words = (
                f"no readings of {' or '.join(self.unseen)} in this time" if self.unseen else "nothing has been read in this time"
            )
            return Burn(slo_id, window, unknown=Unknown.NO_DATA, words=words)
        if at - observed_at > self.stale_after(view.packs) + view.slack:
            return Burn(
                slo_id,
                window,
                observed_at=observed_at,
                unknown=Unknown.STALE,
                words=f"nothing since {observed_at:%d %b %H:%M} UTC",
            )
        if self.unseen:
            words = f"no series {' or '.join(self.unseen)} has been seen"
            return Burn(slo_id, window, observed_at=observed_at, unknown=Unknown.NO_DATA, words=words)
        fault = self._impossible(window)
        if fault:
            return Burn(slo_id, window, observed_at=observed_at, unknown=Unknown.ERROR, words=fault)
        bad, total = self._sliced(window) if self.sliced else self._counts(window // US)
        return Burn.of(self.slo, window, bad, total, observed_at)

    def stale_after(self, packs: Mapping[str, Pack]) -> timedelta:
        """How old the newest reading may be before it says nothing."""
        return max(FRESH_FOR, 3 * packs[self.slo.platform].interval, *self._steps())

    def _steps(self) -> Iterable[timedelta]:
        yield timedelta(0)
        indicator = self.slo.indicator
        if isinstance(indicator, Minutes):
            yield 3 * indicator.meter.every
        for source in sources_of(self.slo.indicator):
            yield 3 * getattr(source.meter, "step", timedelta(0))
            yield getattr(source.meter, "stale_after", None) or timedelta(0)

    def _counts(self, place: int) -> tuple[float, float]:
        """Bad and all events of a window or slice."""
        if place in self.tallied:
            return self.tallied[place]
        total = self.amounts.get(("total", place), 0.0)
        if any(role == "good" for role in self._roles()):
            return max(0.0, total - self.amounts.get(("good", place), 0.0)), total
        return self.amounts.get(("bad", place), 0.0), total

    def _roles(self) -> Iterable[str]:
        for each in (*self.counters, *self.gauges, *self.used, *self.queries):
            yield str(each[0])

    def _impossible(self, window: timedelta) -> str:
        """What no count of events can be: more good or bad ones than there were."""
        if not isinstance(self.slo.indicator, Events):
            return ""
        places = range(math.ceil(window // US / self.slice_us)) if self.sliced else (window // US,)
        for role in ("good", "bad"):
            part = math.fsum(self.amounts.get((role, place), 0.0) for place in places)
            total = math.fsum(self.amounts.get(("total", place), 0.0) for place in places)
            if part > total * (1 + 1e-9) + 1e-9:
                return f"{part:.10g} {role} events of {total:.10g} in all: more than there were, so the counts do not belong together"
        return ""

    def _sliced(self, window: timedelta) -> tuple[float, float]:
        """Slices that were not good enough, and slices in which there was anything; of ratio slices the ratios' sum."""
        bad = total = 0.0
        target = float(self.slo.slice_target) if self.slo.slice_target is not None else 1.0
        for place in range(max(1, math.ceil(window // US / self.slice_us))):
            wrong, whole = self._counts(place)
            if whole <= 0:
                continue
            total += 1
            if self.slo.method is Method.RATIO_TIMESLICES:
                bad += wrong / whole
            else:
                # 1e-12 so that 99 of 100 reach a target of 0.99.
                bad += (whole - wrong) / whole < target - 1e-12
        return bad, total


def _series_of(meter_id: str, meter: Meter) -> Any:
    """A PromQL meter's stored answers as the series they are; others as they are."""
    if isinstance(meter, PromqlMeter):
        return IncreaseMeter(kind="increase", unit=meter.unit, series=f"promql:{meter_id}", labels={})
    return meter
