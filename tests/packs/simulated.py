"""A pack's stand-in played into a warehouse in simulated time, with the pack's alert rules evaluated as they are live.

The platform is read by the very readers that read it in production, but without a wire: `Wire` asks the stand-in itself and fails as HTTP would
under a fault. Nothing sleeps and no clock runs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

import orjson

from alerts.alert import Alert, Beat, Happened
from alerts.evaluation import evaluate
from analytics.conditions import Remembered, View, look
from analytics.forecasting.at_once import AtOnce
from analytics.meters import Meters
from collectors.fetch import Fetcher
from collectors.platform_api.page_records import Records, taken_apart
from collectors.platform_api.source import STREAMS, PlatformApi, SourceConfig
from collectors.standin.feed import FOREVER, Range
from collectors.standin.instants import MINUTE, to_us
from collectors.standin.samples import Cadence
from collectors.standin.standin import StandIn
from jobs.anomaly import Anomalies
from jobs.collect import StreamReader
from jobs.measure import Paces, measure
from jobs.price import price
from roomleft.clock import FixedClock
from roomleft.errors import CollectError
from roomleft.findings import AlertState, Looked
from roomleft.limits import Limit, Pace
from roomleft.packs import Pack, load_packs
from roomleft.packs_meters import (
    DifferenceMeter,
    FailingMinutesMeter,
    GaugeMeter,
    GrowthMeter,
    IncreaseMeter,
    Meter,
    RatioMeter,
    SqlMeter,
    TotalMeter,
)  # fmt: skip
from roomleft.packs_standin import StandinShape
from roomleft.rule_files import load_rules
from roomleft.rules import Rule
from roomleft.rules_when import (
    FORESEEN,
    AbsentIs,
    AnomalyIs,
    BurnIs,
    HeadroomIs,
    HealthIs,
    Leaf,
    MeterIs,
    SeriesIs,
    SourceIs,
    SqlIs,
    leaves,
)
from roomleft.slos import slos_of_packs
from roomleft.timespan import parse_instant
from warehouse.rollup import roll_up
from warehouse.store import Store
from warehouse.writer import Writer

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "packs"
EVERY = timedelta(minutes=1)
"""How often the readings of a played platform come, and how often its rules are evaluated at the densest."""
DAY = timedelta(days=1)
PACKS: Mapping[str, Pack] = load_packs(FOLDER)


@cache
def rules_of(slug: str) -> Mapping[str, Rule]:
    """A pack's rules by name, as they are in force."""
    return {rule.alert: rule for rule in load_rules(FOLDER / f"{slug}.rules.yaml", PACKS[slug], PACKS)}


class Timeless(Paces):
    """No paces: looking back two weeks at each look costs more than all else, and only a date of running out needs it."""

    def of(self, meters: Meters, limit: Limit) -> Pace:
        return Pace.none("not asked for")


def asks_for_dates(rules: Collection[Rule]) -> bool:
    """Whether a rule waits for a date, or for a pace."""
    asked = [leaf for rule in rules for leaf in leaves(rule.when) if isinstance(leaf, HeadroomIs)]
    return any(leaf.exhausts_within is not None for leaf in asked)


def asks_for_a_forecast(rules: Collection[Rule]) -> bool:
    """Whether a rule waits for a chance, or for the last day to order: no pace tells those."""
    return any(leaf.question in FORESEEN for rule in rules for leaf in leaves(rule.when) if isinstance(leaf, HeadroomIs))


class Wire(Fetcher):
    """Asks a stand-in itself, in place of HTTP. Raises CollectError under a fault of the wire."""

    def __init__(self, platform: StandIn) -> None:
        self.platform = platform

    def rest(self) -> None:
        pass

    def get_page(self, path: str, params: Mapping[str, str] | None = None) -> tuple[Mapping[str, object], Records | None]:
        self._suffer(path)
        asked = dict(params or {})
        since, until = asked.get("since"), asked.get("until")
        wanted = Range(
            to_us(parse_instant(since)) if since else 0, to_us(parse_instant(until)) if until else FOREVER, since, until
        )
        body = self.platform.page(path.strip("/"), asked.get("after"), int(asked["limit"]), wanted).encode()
        if (apart := taken_apart(body)) is not None:
            return apart
        page = orjson.loads(body)
        records = page.pop("records")
        return page, Records(body, None, len(records), records)

    def get(self, path: str, params: Mapping[str, str] | None = None, also_good: Collection[int] = ()) -> dict[str, object]:
        self._suffer(path)
        if path == "/health":
            document: dict[str, object] = orjson.loads(orjson.dumps(self.platform.health()[0]))
            return document
        asked = dict(params or {})
        answer: dict[str, object] = orjson.loads(
            orjson.dumps(self.platform.business(date.fromisoformat(asked["from"]), date.fromisoformat(asked["to"])))
        )
        return answer

    def _suffer(self, path: str) -> None:
        for effect in self.platform.faults.http_effects(path.strip("/"), self.platform.now_us()):
            if effect.status or effect.hang or effect.garbage:
                raise CollectError(f"status {effect.status} by a fault", path, "it is a fault of the demo")


@dataclass
class World:
    """One platform, one warehouse, one clock, and the alerts so far. `fired` and `resolved` are the first instants of each rule's name."""

    pack: Pack
    rules: Mapping[str, Rule]
    platform: StandIn
    clock: FixedClock
    store: Store
    writer: Writer
    readers: Mapping[str, StreamReader]
    measured: frozenset[str] | None = None
    """The limits that are measured at each look; None: all."""
    fired: dict[str, datetime] = field(default_factory=dict)
    resolved: dict[str, datetime] = field(default_factory=dict)
    alerts: Sequence[Alert] = ()
    _last: datetime | None = None
    paces: Paces = field(default_factory=Timeless)
    _remembered: Remembered = field(default_factory=Remembered)
    _anomalies: Anomalies | None = None

    @property
    def now(self) -> datetime:
        return self.clock.at

    def read(self) -> None:
        """Read what there is to read, and roll it up."""
        for reader in self.readers.values():
            done = reader.run()
            while done.more:
                done = reader.run()
        roll_up(self.store, self.now, self.pack.zones(), slos=())

    def measure(self, only: Collection[str] | None = None) -> None:
        """Measure limits: those of the world, or `only` these."""
        chosen = self.measured if only is None else only
        measure(self.store, {self.pack.slug: self.pack}, self.now, self.paces, only=chosen)

    def watch(self) -> None:
        """Look for anomalies, if a rule asks for them."""
        if any(isinstance(leaf, AnomalyIs) for rule in self.rules.values() for leaf in leaves(rule.when)):
            self._anomalies = self._anomalies or Anomalies(self.store, {self.pack.slug: self.pack})
            self._anomalies.look(self.now)

    def look(self, rules: Mapping[str, Rule]) -> Mapping[str, Looked]:
        """What the rules' conditions say now."""
        view = View(
            self.store,
            {self.pack.slug: self.pack},
            self.now,
            slos=slos_of_packs({self.pack.slug: self.pack}),
            remembered=self._remembered,
        )
        return look(view, {rule.rule_id: rule for rule in rules.values()}, self.now)

    def beat(self, every: timedelta = EVERY) -> None:
        """One evaluation: read, measure, look, step."""
        self.read()
        self.measure()
        self.watch()
        found = self.look(self.rules)
        by_id = {rule.rule_id: rule for rule in self.rules.values()}
        done = evaluate(by_id, found, self.alerts, Beat(self.now, self._last, every))
        self._last, self.alerts = self.now, done.alerts
        for event in done.events:
            name = by_id[event.rule_id].alert
            if event.what is Happened.FIRING:
                self.fired.setdefault(name, self.now)
                self.resolved.pop(name, None)
            elif event.what is Happened.RESOLVED and not self.firing(name):
                self.resolved[name] = self.now

    def firing(self, name: str) -> bool:
        """Whether an alert of the rule fires."""
        rule_id = self.rules[name].rule_id
        return any(alert.rule_id == rule_id and alert.state is AlertState.FIRING for alert in self.alerts)

    def switch(self, fault: str, on: bool) -> None:
        """Switch a fault on or off, from now on."""
        self.platform.faults.switch(fault, on, to_us(self.now))

    def until(self, done: Callable[[], bool], within: timedelta, every: timedelta = EVERY) -> None:
        """Evaluate `every` so often until `done`, or `within` is over."""
        end = self.now + within
        while not done() and self.now < end:
            self.clock.at = min(self.now + every, end)
            self.beat(every)

    def close(self) -> None:
        self.writer.close()
        self.store.close()


def limits_of(rules: Collection[Rule]) -> frozenset[str]:
    """The limits whose stored headroom the rules read."""
    return frozenset(
        f"{rule.platform}.{leaf.headroom}" for rule in rules for leaf in leaves(rule.when) if isinstance(leaf, HeadroomIs)
    )


def world(
    slug: str,
    start: datetime,
    days: int,
    *,
    streams: Collection[str] = STREAMS,
    rules: Mapping[str, Rule] | None = None,
    pack: Pack | None = None,
    shape: StandinShape | None = None,
    sparse: bool = False,
) -> World:
    """A platform with `days` of history, all read, at `start`."""
    pack = pack or PACKS[slug]
    shape = shape or pack.standin
    assert shape is not None
    clock = FixedClock(start)
    platform = StandIn(shape.model_copy(update={"incidents": []}), 7, start, days, clock)
    # A reading a minute, not one each 15 seconds: the rules' spans are minutes. Sparse history is hourly but for the last hour.
    usual = Cadence.at(to_us(start), MINUTE)
    cadence = Cadence(MINUTE, usual.fine_from_us, usual.fine_from_us) if sparse else usual
    platform._samples.cadence = platform._health.cadence = cadence
    store = Store.open("duckdb:///:memory:", now=clock, threads=1)
    writer = Writer(store, clock, group_ms=0)
    writer.start()
    price(store, {slug: pack}, start)
    readers = {
        stream: StreamReader(
            PlatformApi(SourceConfig(slug, "http://stand-in", "t"), Wire(platform)), stream, store, writer, clock, budget_s=600
        )
        for stream in streams
    }
    chosen = rules_of(slug) if rules is None else rules
    made = World(pack, chosen, platform, clock, store, writer, readers)
    if asks_for_dates(list(chosen.values())):
        made.paces = Paces()
    if asks_for_a_forecast(list(chosen.values())):
        made.paces.foresee = AtOnce(store, pack, limits_of(list(chosen.values())))
    made.read()
    clock.advance(EVERY)
    return made


BY_KIND = {
    "gauge": {"samples"}, "increase": {"samples"}, "failing_minutes": {"health", "health-history"}, "sql": {"health", "health-history"},
    "cost": {"usage"}, "count": {"usage"}, "distinct_users": {"usage"}, "business": {"business"},
}  # fmt: skip
"""The streams that a kind of meter reads."""


def meters_of(pack: Pack, limit_id: str) -> set[str]:
    """Every meter that a limit is measured by, those it is made of among them."""
    limit = pack.limit_spec(limit_id)
    found = {name for name in (limit.meter, limit.amount_per) if name is not None}
    while more := {part for name in found for part in parts_of(pack.meters[name])} - found:
        found |= more
    return found


def asked_meters(pack: Pack, leaf: Leaf) -> set[str]:
    """The meters that a condition reads."""
    match leaf:
        case HeadroomIs():
            return meters_of(pack, leaf.headroom)
        case BurnIs():
            return meters_of(pack, leaf.burn)
        case MeterIs():
            found = {leaf.meter}
            while more := {part for name in found for part in parts_of(pack.meters[name])} - found:
                found |= more
            return found
        case _:
            return set()


def streams_of(pack: Pack, rules: Collection[Rule]) -> list[str]:
    """The streams that the rules need to be read."""
    found = set[str]()
    for rule in rules:
        for leaf in leaves(rule.when):
            for name in asked_meters(pack, leaf):
                found |= BY_KIND.get(pack.meters[name].kind, set())
            match leaf:
                case SeriesIs() | AbsentIs():
                    found |= {"samples"}
                case HealthIs():
                    found |= {"health"}
                case SourceIs():
                    found |= {"samples", "health"}
                case SqlIs() | AnomalyIs():
                    found |= {"usage"}
    return [stream for stream in STREAMS if stream in found]


def reduced(pack: Pack, rules: Collection[Rule]) -> StandinShape:
    """The pack's stand-in with no more series and checks than the rules read: the same faults, far fewer readings."""
    shape = pack.standin
    assert shape is not None
    names, components = set[str](), set[str]()
    for rule in rules:
        for leaf in leaves(rule.when):
            if isinstance(leaf, SeriesIs):
                names.add(leaf.series)
            if isinstance(leaf, AbsentIs):
                names.add(leaf.absent)
            if isinstance(leaf, HealthIs):
                components.add(leaf.health)
            for meter in (pack.meters[name] for name in asked_meters(pack, leaf)):
                if isinstance(meter, (GaugeMeter, IncreaseMeter)):
                    names.add(meter.series)
                if isinstance(meter, FailingMinutesMeter):
                    components.update(meter.components)
                if isinstance(meter, SqlMeter):
                    query = (FOLDER / pack.slug / meter.file).read_text(encoding="utf-8")
                    components.update(one.id for one in pack.components if f"'{one.id}'" in query)
                    names.update(one.name for one in shape.series if f"'{one.name}'" in query)
    checks = [check for check in shape.checks if check.component in components]
    names |= {check.series for check in checks} | {check.divide_by for check in checks if check.divide_by}
    wanted = [one for one in shape.series if one.name in names]
    names |= {one.share_of for one in wanted if one.share_of}
    series = [one for one in shape.series if one.name in names] or shape.series[:1]
    return shape.model_copy(update={"series": series, "checks": checks})


def parts_of(meter: Meter) -> list[str]:
    """The meters that a meter is made of."""
    match meter:
        case RatioMeter():
            return [meter.part, meter.whole]
        case DifferenceMeter():
            return [meter.part, meter.less]
        case TotalMeter():
            return list(meter.of)
        case GrowthMeter():
            return [meter.of]
        case _:
            return []
