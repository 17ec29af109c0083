"""What a service promises (an SLO), its error budget, and the pairs of windows whose burn rates wake somebody. Pure data.

The burn rate is how many times faster than evenly the budget goes: the ratio of bad events over the budget's share. A pair holds when it is
above `factor` in a long and in a short window; `factor` = share of the budget × the SLO's window ÷ the long window (Google, *The Site
Reliability Workbook*, ch. 5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Literal

from roomleft.errors import PackError
from roomleft.packs import Pack
from roomleft.packs_meters import ACCUMULATING, CountMeter, FailingMinutesMeter, IncreaseMeter, Meter, PromqlMeter, TotalMeter
from roomleft.rules_when import BurnIs
from roomleft.slo_windows import AlignedWindow
from roomleft.timespan import Period, Window

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOMINAL = {
    Period.DAY: DAY,
    Period.WEEK: 7 * DAY,
    Period.MONTH: 30 * DAY,
    Period.QUARTER: 90 * DAY,
    Period.YEAR: 365 * DAY,
}
"""How long a calendar window counts as where its true length, which varies, would make a factor vary."""


class Method(StrEnum):
    """What is counted: events, slices of time that were good enough, or the slices' own ratios."""

    OCCURRENCES = "occurrences"
    TIMESLICES = "timeslices"
    RATIO_TIMESLICES = "ratio_timeslices"


@dataclass(frozen=True, slots=True)
class Counted:
    """A meter whose events are counted: counters, AI usage, or answers of a PromQL query that are a counter (else each is an amount)."""

    platform: str
    meter_id: str
    meter: Meter
    counter: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """A query that gives one row with `value`: the events between `$window_start` and `$window_end`."""

    platform: str
    sql: str
    where: str


Source = Counted | Asked


@dataclass(frozen=True, slots=True)
class Events:
    """Bad (or good) events of all events."""

    total: Source
    bad: Source | None = None
    good: Source | None = None


@dataclass(frozen=True, slots=True)
class Minutes:
    """Minutes in which a health check failed, of the minutes that were looked at. Nothing is sampled: each minute is known."""

    platform: str
    meter_id: str
    meter: FailingMinutesMeter


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings of a gauge: good is one that is `op` `value`. None as `op`: the reading is itself a share, of good ones unless `failures`."""

    source: Counted
    op: Literal["lt", "lte", "gt", "gte"] | None = None
    value: Decimal | None = None
    failures: bool = False


Indicator = Events | Minutes | Readings


@dataclass(frozen=True, slots=True)
class Slo:
    """A service level objective. `objective` is the share of good events that is promised, exact: Decimal("0.9999").

    `name` is what conditions call it within its platform; `slo_id` is `<platform>.<name>`, a limit's id where a pack's limit is the SLO.
    """

    slo_id: str
    platform: str
    name: str
    title: str
    objective: Decimal
    window: Window | AlignedWindow
    indicator: Indicator
    method: Method = Method.OCCURRENCES
    slice_target: Decimal | None = None
    slice_window: timedelta | None = None
    component: str = ""
    owner: str = ""
    category: Literal["availability", "latency", "quality"] = "availability"
    limit_id: str = ""
    where: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def budget(self) -> Decimal:
        """The share of bad events that the objective leaves."""
        return 1 - self.objective

    @property
    def period(self) -> timedelta:
        """How long the window is; of a calendar window its nominal length (a month is 30 days)."""
        if isinstance(self.window, AlignedWindow):
            return self.window.nominal
        return self.window.span if self.window.span is not None else NOMINAL[self.window.period]

    @property
    def budget_s(self) -> Decimal:
        """How many seconds of the window may be bad: of 99.99 % in 30 days 259.2, exactly."""
        return self.budget * seconds(self.period)


@dataclass(frozen=True, slots=True)
class BurnPair:
    """Two windows, and the share of the budget, in per cent, that the long one may use. `factor` is the burn rate that is too fast."""

    long: timedelta
    short: timedelta
    budget_percent: Decimal
    period: timedelta
    kind: str = ""

    @property
    def factor(self) -> Decimal:
        """The burn rate above which the budget's share goes within the long window."""
        return self.budget_percent * seconds(self.period) / (100 * seconds(self.long))

    def line(self, objective: Decimal) -> Decimal:
        """The ratio of bad events that the windows are compared with."""
        return self.factor * (1 - objective)


NAMED: Mapping[str, tuple[tuple[timedelta, timedelta, Decimal], ...]] = {
    "page": ((HOUR, 5 * MINUTE, Decimal(2)), (6 * HOUR, 30 * MINUTE, Decimal(5))),
    "ticket": ((DAY, 2 * HOUR, Decimal(10)), (3 * DAY, 6 * HOUR, Decimal(10))),
}
"""(long, short, per cent of the budget) of the pairs by name."""


def seconds(span: timedelta) -> Decimal:
    """A span in seconds, exactly."""
    return Decimal(span // timedelta(microseconds=1)) / 1_000_000


def burn_pairs(
    objective: Decimal,
    period: timedelta,
    kinds: Iterable[str] = ("page", "ticket"),
    custom: Mapping[str, tuple[tuple[timedelta, timedelta, Decimal], ...]] | None = None,
) -> tuple[BurnPair, ...]:
    """The pairs of these kinds for an SLO's window. Raises PackError where one can never hold.

    In a window of less than four weeks the usual shares of the budget would be used up by burning slower than evenly: such a pair's share is
    raised to an even burn's, and one whose long window is not shorter than the SLO's is left out. `custom` pairs are taken as they are.
    """
    pairs = []
    for kind in kinds:
        for long, short, percent in (custom or NAMED)[kind]:
            if custom is None and long >= period:
                continue
            even = 100 * seconds(long) / seconds(period)
            share = max(percent, even) if custom is None and period < 28 * DAY else percent
            pairs.append(checked(BurnPair(long, short, share, period, kind), objective))
    return tuple(pairs)


def checked(pair: BurnPair, objective: Decimal) -> BurnPair:
    """The pair. Raises PackError where it can never hold: not even when everything fails is the budget used that fast."""
    if pair.line(objective) >= 1:
        lowest = 100 * (1 - 1 / pair.factor)
        raise PackError(
            f"a burn rate of {plain(pair.factor)} can never be reached at {plain(100 * objective)} %: when everything fails it is"
            f" {plain(1 / (1 - objective))}",
            "",
            f"an objective above {plain(lowest.quantize(Decimal('0.01'), 'ROUND_CEILING'))} %, a longer `long`, or a smaller share",
        )
    return pair


def pairs_asked(slo: Slo, when: BurnIs) -> tuple[BurnPair, ...]:
    """The pairs that a condition means for an SLO. Raises PackError where one can never hold, or is longer than the SLO's window."""
    if when.pairs is not None:
        pairs = burn_pairs(slo.objective, slo.period, (when.pairs,))
        if not pairs:
            raise PackError(
                f"its window of {span_text(slo.period)} is too short for {when.pairs} pairs",
                slo.slo_id,
                "give long, short and budget_percent",
            )
        return pairs
    assert when.long is not None, "the model asks for all three"
    assert when.short is not None, "the model asks for all three"
    assert when.budget_percent is not None, "the model asks for all three"
    if when.long > slo.period:
        raise PackError(f"long is longer than the SLO's window of {span_text(slo.period)}", slo.slo_id, "give a shorter one")
    return (checked(BurnPair(when.long, when.short, when.budget_percent, slo.period), slo.objective),)


def plain(number: Decimal) -> str:
    """A number to six places without trailing noughts: `14.4`, `0.933333`."""
    text = f"{number:.6f}"
    return text.rstrip("0").rstrip(".")


def span_text(span: timedelta) -> str:
    """`30 d`, `6 h`, `5 min`: the largest unit that it is whole in."""
    for size, word in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if span >= size and span % size == timedelta(0):
            return f"{span // size} {word}"
    return f"{span.total_seconds():g} s"


def slos_of_packs(packs: Mapping[str, Pack]) -> dict[str, Slo]:
    """The SLO in every limit with an objective, by its id."""
    found: dict[str, Slo] = {}
    for slug, pack in packs.items():
        for limit, spec in zip(pack.limit_list(), pack.limits, strict=True):
            if spec.objective_percent is None or limit.window is None:
                continue
            indicator = _indicator(pack, spec.meter, spec.amount_per)
            if indicator is None:
                continue
            found[limit.limit_id] = Slo(
                limit.limit_id, slug, spec.id, spec.title, spec.objective_percent / 100, limit.window, indicator,
                component=spec.component or "", owner=spec.owner, limit_id=limit.limit_id, where=f"{slug}.yaml",
                category=category_of(indicator),
            )  # fmt: skip
    return found


def _indicator(pack: Pack, meter_id: str, per: str | None) -> Indicator | None:
    meter = pack.meters.get(meter_id)
    if isinstance(meter, FailingMinutesMeter) and per is None:
        return Minutes(pack.slug, meter_id, meter)
    if meter is None or per is None or per not in pack.meters:
        return None
    bad, total = Counted(pack.slug, meter_id, meter), Counted(pack.slug, per, pack.meters[per])
    return Events(total, bad=bad) if countable(pack, meter_id) and countable(pack, per) else None


def countable(pack: Pack, meter_id: str) -> bool:
    """Whether a meter counts events, so that its events in any window can be told."""
    meter = pack.meters.get(meter_id)
    if isinstance(meter, TotalMeter):
        return all(countable(pack, part) for part in meter.of)
    return isinstance(meter, (IncreaseMeter, CountMeter, PromqlMeter)) or (
        meter is not None and meter.kind in ACCUMULATING and meter.kind == "sql"
    )


SLOW = re.compile(r"slow|latenc|duration|(?<!up)(?<!down)time(?!out)|seconds")
FAILED = re.compile(r"fail|error|down|success|status|timeout|(?<![a-z])up(?![a-z])|uptime")


def category_of(indicator: Indicator, words: str = "") -> Literal["availability", "latency", "quality"]:
    """What an indicator is about, by what it reads: failures, slowness, or else how good the answers are."""
    match indicator:
        case Minutes():
            return "availability"
        case Events(bad=bad, good=good):
            source = bad or good
            text = f"{words} {_named(source)}".lower()
        case _:
            text = f"{words} {_named(indicator.source)}".lower()
    if SLOW.search(text):
        return "latency"
    return "availability" if FAILED.search(text) else "quality"


def sources_of(indicator: Indicator) -> list[Counted]:
    """The meters that an indicator reads."""
    match indicator:
        case Events(total=total, bad=bad, good=good):
            return [each for each in (total, bad, good) if isinstance(each, Counted)]
        case Readings(source=source):
            return [source]
        case Minutes():
            return [Counted(indicator.platform, indicator.meter_id, indicator.meter)]


def _named(source: Source | None) -> str:
    if isinstance(source, Counted):
        return f"{source.meter_id} {getattr(source.meter, 'series', '')} {getattr(source.meter, 'query', '')}"
    return source.sql if source is not None else ""


def slos_of(packs: Mapping[str, Pack], rules_dir: Path | None = None) -> dict[str, Slo]:
    """Every SLO in force by its id: packs' limits with an objective, `<slug>.slo.yaml` beside a pack, and `*.slo.yaml` in `rules_dir`.

    Raises PackFaults, with file and line, for a file with a fault; PackError when several have one.
    """
    from roomleft.openslo_slos import slos_in

    return {**slos_of_packs(packs), **slos_in(packs, rules_dir)}
