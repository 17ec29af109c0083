"""What is forecast: the daily series behind a pack's limits and its capacity report, and how each limit is made of them.

A target is one daily series, `PLATFORM/METER`, and what sets it apart: `@ZONE` where its days are not the pack's, `#busiest`, `#lowest` or `#30d` where a
day is told by something else than its sum or mean, `#model=NAME` for a part of the AI cost. Meters that ask the same have one target.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from analytics.forecasting.bounded import asks_beyond
from analytics.meter_business import MEANS
from analytics.meters import answers_of
from roomleft.limits import Direction, Kind, Limit
from roomleft.outlook import NoDate, Shape
from roomleft.packs import Pack
from roomleft.packs_meters import (
    BusinessMeter,
    CostMeter,
    CountMeter,
    DifferenceMeter,
    DistinctUsersMeter,
    FailingMinutesMeter,
    GaugeMeter,
    GrowthMeter,
    IncreaseMeter,
    InfrastructureCostMeter,
    Meter,
    PercentileMeter,
    PromqlMeter,
    RatioMeter,
    SqlMeter,
    TotalMeter,
)
from roomleft.timespan import Period, Window

DAY = timedelta(days=1)
PERIOD_DAYS = {Period.DAY: 1, Period.WEEK: 7, Period.MONTH: 30, Period.QUARTER: 91, Period.YEAR: 365}
AI_COST, AI_REQUESTS = "usage:cost", "usage:requests"
"""The meters that every platform has without saying so: all its AI cost, and all its AI requests."""

Leaf = (
    CostMeter
    | CountMeter
    | DistinctUsersMeter
    | InfrastructureCostMeter
    | IncreaseMeter
    | FailingMinutesMeter
    | BusinessMeter
    | GaugeMeter
    | PercentileMeter
)
"""Meters that read the warehouse themselves; a PromQL meter is the gauge of its answers."""


class Statistic(StrEnum):
    """What of a day is the day's value."""

    SUM = "sum"
    MEAN = "mean"
    BUSIEST = "busiest"
    """Its highest hour: what a capacity must bear."""
    LOWEST = "lowest"
    """Its lowest hour: what a floor watches."""
    TRAILING = "trailing"
    """Counted over the days that end with it: distinct users."""
    FIXED = "fixed"
    """Known beforehand: monthly infrastructure costs. Never forecast."""


@dataclass(frozen=True, slots=True)
class Target:
    """One daily series. `days`: of a trailing count, over how many days. `part`: of a part of the AI cost, the dimension and its value."""

    name: str
    platform: str
    meter: Leaf
    unit: str
    title: str
    shape: Shape
    statistic: Statistic
    zone: ZoneInfo
    days: int = 0
    part: tuple[str, str] | None = None

    @property
    def nonnegative(self) -> bool:
        """Whether its values cannot be below zero: whatever is counted or paid; a gauge may be anything."""
        return not isinstance(self.meter, GaugeMeter)


class Join(StrEnum):
    """How a recipe is made of its parts."""

    TARGET = "target"
    OVER = "over"
    """The sum over a window so far, at each day's end."""
    MEAN_OVER = "mean_over"
    TOTAL = "total"
    RATIO = "ratio"
    DIFFERENCE = "difference"
    GROWTH = "growth"
    """By how many per cent above the same `days` earlier."""
    SCALED = "scaled"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the daily values of a limit or a series of a report are made of targets, draw by draw. `window`: of OVER and MEAN_OVER. `scale` multiplies.
    `share`: a ratio that may be one of a part to its whole, and that no limit asks about beyond the whole.

    A FLOW recipe gives a day's sum for each 24 hours, a LEVEL recipe what is read at the end of the day or stands for it.
    """

    join: Join
    shape: Shape
    target: Target | None = None
    parts: tuple[Recipe, ...] = ()
    window: Window | None = None
    days: int = 0
    scale: float = 1.0
    no_date: NoDate | None = None
    share: bool = False

    def targets(self) -> tuple[Target, ...]:
        """Every target it is made of, each once."""
        own = (self.target,) if self.target is not None else ()
        every = (*own, *(target for part in self.parts for target in part.targets()))
        return tuple({target.name: target for target in every}.values())

    @classmethod
    def none(cls, why: NoDate) -> Recipe:
        """Nothing that could be forecast, and why."""
        return cls(Join.NONE, Shape.LEVEL, no_date=why)


@dataclass(frozen=True, slots=True)
class Subject:
    """Something the forecaster speaks of: a limit, or a series of the capacity report. `name`: the limit's id, or `PLATFORM/HEADING/METER`.

    `metric`: the limit's kind, or the report's heading (users, storage …). `per`: the recipe of what a limit's amount is for each of.
    """

    name: str
    platform: str
    metric: str
    title: str
    unit: str
    recipe: Recipe
    limit: Limit | None = None
    per: Recipe | None = None
    horizon: timedelta = timedelta(days=30)


def statistic_of(limit: Limit) -> Statistic:
    """Which hour of a day a limit's level is about: a capacity's busiest, a floor's lowest, else the day's mean."""
    if limit.direction is Direction.AT_LEAST:
        return Statistic.LOWEST
    return Statistic.BUSIEST if limit.kind in (Kind.CAPACITY, Kind.QUOTA) else Statistic.MEAN


@dataclass(frozen=True, slots=True)
class Plan:
    """What one pack has forecast: its targets by name, and everything that is spoken of, limits first."""

    platform: str
    targets: Mapping[str, Target]
    subjects: tuple[Subject, ...]

    def subject(self, name: str) -> Subject | None:
        """A limit or series by its name."""
        return next((subject for subject in self.subjects if subject.name == name), None)


def plan_of(pack: Pack) -> Plan:
    """The targets of a pack as it is in force. Raises nothing: a limit that cannot be forecast has a recipe that says why."""
    making = _Making(pack)
    subjects = [_of_limit(making, limit) for limit in pack.limit_list()]
    subjects += report_series(pack, making)
    # What the month will cost in all is asked of every platform, also of one whose report does not name it.
    making.recipe(AI_COST, None, Statistic.MEAN, level=False)
    return Plan(pack.slug, making.targets, tuple(subjects))


def recipe_of(pack: Pack, limit: Limit) -> Recipe:
    """How a limit's daily values are made of targets."""
    return _of_limit(_Making(pack), limit).recipe


def report_series(pack: Pack, making: _Making | None = None) -> list[Subject]:
    """The series of the pack's capacity report, heading by heading: as `reports.capacity.series` names them, AI requests and cost without being named."""
    report = pack.reports.capacity
    if report is None:
        return []
    making = making or _Making(pack)
    found = []
    for heading, horizon in report.horizons.items():
        named = report.series.get(heading) or ([REPORTED[heading]] if heading in REPORTED else [])
        found += [_of_report(making, heading, meter_id, horizon) for meter_id in named]
    return found


def ai_cost_target(pack: Pack) -> Target:
    """All AI cost of a platform by day of its zone."""
    target = _Making(pack).recipe(AI_COST, None, Statistic.MEAN, level=False).target
    assert target is not None, "what is summed by day is one target"
    return target


def asks_all_ai_cost(meter: Meter) -> bool:
    """Whether a meter asks for all of a platform's AI cost."""
    return _question(meter) == _question(ALL[AI_COST])


def part_target(pack: Pack, dimension: str, value: str) -> Target:
    """The AI cost of one value of a dimension (model, tier, team), by day; `OTHER` of all that are not told apart."""
    name = f"{pack.slug}/{AI_COST}#{dimension}={value}"
    return Target(
        name, pack.slug, ALL[AI_COST], "usd", f"AI cost, {dimension} {value}", Shape.FLOW, Statistic.SUM, ZoneInfo(pack.zone),
        part=(dimension, value),
    )  # fmt: skip


ALL: Mapping[str, CostMeter | CountMeter] = {
    AI_COST: CostMeter(kind="cost", unit="usd", title="AI cost"),
    AI_REQUESTS: CountMeter(kind="count", unit="requests", of="requests", title="AI requests"),
}
REPORTED = {"ai_cost": AI_COST, "ai_requests": AI_REQUESTS}
OTHER = "(other)"


def _of_limit(making: _Making, limit: Limit) -> Subject:
    if limit.per_user:
        recipe, per = Recipe.none(NoDate.PER_USER), None
    else:
        recipe = making.recipe(limit.meter_id, limit.window, statistic_of(limit), level=False)
        per = None
        if limit.amount_per is not None:
            per = making.recipe(limit.amount_per, limit.window, Statistic.MEAN, level=True)
            recipe = Recipe.none(per.no_date) if per.no_date is not None else recipe
    return Subject(limit.limit_id, limit.platform, str(limit.kind), limit.title, limit.unit, recipe, limit, per)


def _of_report(making: _Making, heading: str, meter_id: str, horizon: timedelta) -> Subject:
    pack = making.pack
    meter = making.meter(meter_id)
    watched = [limit for limit in pack.limit_list() if limit.meter_id == meter_id and not limit.per_user]
    statistic = statistic_of(watched[0]) if watched else Statistic.BUSIEST
    # Over a day where the pack gives no span of its own: a report shows a flow day by day.
    recipe = making.recipe(meter_id, None, statistic, level=False)
    title = meter.title or meter_id.replace("_", " ").capitalize()
    return Subject(f"{pack.slug}/{heading}/{meter_id}", pack.slug, heading, title, meter.unit, recipe, horizon=horizon)


class _Making:
    """The targets of one pack while its recipes are written."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.targets: dict[str, Target] = {}
        self._first: dict[str, str] = {}
        for meter_id, meter in (*pack.meters.items(), *ALL.items()):
            self._first.setdefault(_question(meter), meter_id)

    def meter(self, meter_id: str) -> Meter:
        """A meter of the pack, or one that every pack has. Raises KeyError for any other."""
        return self.pack.meters[meter_id] if meter_id in self.pack.meters else ALL[meter_id]

    def recipe(self, meter_id: str, window: Window | None, statistic: Statistic, *, level: bool) -> Recipe:
        """The recipe of a meter for a limit of that window. `level`: what it reads is wanted, not what each day adds to it."""
        if meter_id not in self.pack.meters and meter_id not in ALL:
            # A pack's file has every meter that it names; a pack made in a program need not.
            return Recipe.none(NoDate.NO_METER)
        meter = self.meter(meter_id)
        match meter:
            case SqlMeter():
                return Recipe.none(NoDate.BY_QUERY)
            case GaugeMeter() | PromqlMeter():
                return self._gauge(meter_id, answers_of(meter_id, meter) if isinstance(meter, PromqlMeter) else meter, statistic)
            case PercentileMeter():
                return self._leaf(meter_id, meter, Shape.LEVEL, Statistic.MEAN, window)
            case DistinctUsersMeter():
                return self._leaf(meter_id, meter, Shape.LEVEL, Statistic.TRAILING, window, days=_days(meter.over, window))
            case BusinessMeter() if meter.of in MEANS:
                leaf = self._leaf(meter_id, meter, Shape.LEVEL, Statistic.MEAN, None)
                over = Window(Period.ROLLING, span=meter.over) if meter.over is not None else window
                return _over(leaf, Join.MEAN_OVER, over)
            case RatioMeter():
                parts = [self.recipe(name, window, statistic, level=True) for name in (meter.part, meter.whole)]
                scale = float(meter.scale) if meter.scale is not None else 1.0
                joined = _joined(Join.RATIO, parts, scale=scale)
                if joined.no_date is not None:
                    return joined
                return replace(joined, share=self._may_be_share(meter_id, meter, scale))
            case TotalMeter():
                return self._added(Join.TOTAL, tuple(meter.of), window, statistic, level)
            case DifferenceMeter():
                return self._added(Join.DIFFERENCE, (meter.part, meter.less), window, statistic, level)
            case GrowthMeter():
                return self._growth(meter)
            case _:
                return self._flow(meter_id, meter, window, statistic, level=level)

    def _may_be_share(self, meter_id: str, meter: RatioMeter, scale: float) -> bool:
        # Money is no part of other money only because it was less so far: a cost may pass the revenue, or the budget, that it is measured against.
        unit = self.meter(meter.part).unit
        alike = unit == self.meter(meter.whole).unit and unit != "usd"
        return alike and not asks_beyond((limit for limit in self.pack.limit_list() if limit.meter_id == meter_id), scale)

    def _flow(self, meter_id: str, meter: Leaf, window: Window | None, statistic: Statistic, *, level: bool) -> Recipe:
        fixed = isinstance(meter, InfrastructureCostMeter)
        over = getattr(meter, "over", None)
        zone = window.zone if window is not None and window.span is None and not isinstance(meter, BusinessMeter) else None
        how = Statistic.FIXED if fixed else Statistic.SUM
        if (
            over is not None
            and over < DAY
            and not level
            and not fixed
            and isinstance(meter, (CostMeter, CountMeter, IncreaseMeter))
        ):
            # So much within a part of a day: read by the hour, it does not add up over days. A ceiling is about the worst hour.
            hour = statistic if statistic is Statistic.LOWEST else Statistic.BUSIEST
            return self._leaf(meter_id, meter, Shape.LEVEL, hour, window)
        leaf = self._leaf(meter_id, meter, Shape.FLOW, how, window, zone=zone)
        if over is None:
            return _over(leaf, Join.OVER, window) if level and window is not None else leaf
        if over < DAY:
            return Recipe(Join.SCALED, Shape.LEVEL, parts=(leaf,), scale=over / DAY)
        return _over(leaf, Join.OVER, Window(Period.ROLLING, span=over))

    def _gauge(self, meter_id: str, meter: GaugeMeter, statistic: Statistic) -> Recipe:
        if meter.over < DAY / 2:
            return self._leaf(meter_id, meter, Shape.LEVEL, statistic, None)
        # What is read over a day or longer has no busiest hour.
        told = {"max": Statistic.BUSIEST, "min": Statistic.LOWEST}.get(meter.over_time, Statistic.MEAN)
        leaf = self._leaf(meter_id, meter, Shape.LEVEL, told, None)
        long = meter.over >= 2 * DAY and meter.over_time == "mean"
        return _over(leaf, Join.MEAN_OVER, Window(Period.ROLLING, span=meter.over)) if long else leaf

    def _added(self, join: Join, names: tuple[str, ...], window: Window | None, statistic: Statistic, level: bool) -> Recipe:
        flows = [self.recipe(name, window, statistic, level=False) for name in names]
        if not level and all(part.shape is Shape.FLOW for part in flows):
            return _joined(join, flows, shape=Shape.FLOW)
        return _joined(join, [self.recipe(name, window, statistic, level=True) for name in names])

    def _growth(self, meter: GrowthMeter) -> Recipe:
        days = max(1, round(meter.over / DAY))
        window = Window(Period.ROLLING, span=days * DAY)
        of = self.recipe(meter.of, window, Statistic.MEAN, level=True)
        if of.no_date is None and isinstance(self.meter(meter.of), (GaugeMeter, PromqlMeter, PercentileMeter)) and days > 1:
            of = _over(of, Join.MEAN_OVER, window)
        return _joined(Join.GROWTH, [of], scale=100.0, days=days)

    def _leaf(
        self, meter_id: str, meter: Leaf, shape: Shape, statistic: Statistic, window: Window | None, *, days: int = 0,
        zone: ZoneInfo | None = None,
    ) -> Recipe:  # fmt: skip
        at = zone or ZoneInfo(self.pack.zone)
        if shape is Shape.LEVEL and statistic is Statistic.TRAILING and window is not None and window.span is None:
            at = window.zone
        first = self._first[_question(self.meter(meter_id))]
        name = f"{self.pack.slug}/{first}"
        name += f"@{at.key}" if at.key != self.pack.zone else ""
        name += {Statistic.BUSIEST: "#busiest", Statistic.LOWEST: "#lowest", Statistic.TRAILING: f"#{days}d"}.get(statistic, "")
        if name not in self.targets:
            title = meter.title or meter_id.replace("_", " ").replace("usage:", "AI ").capitalize()
            self.targets[name] = Target(name, self.pack.slug, meter, meter.unit, title, shape, statistic, at, days)
        return Recipe(Join.TARGET, shape, target=self.targets[name])


def _joined(join: Join, parts: list[Recipe], *, shape: Shape = Shape.LEVEL, scale: float = 1.0, days: int = 0) -> Recipe:
    why = next((part.no_date for part in parts if part.no_date is not None), None)
    return Recipe.none(why) if why is not None else Recipe(join, shape, parts=tuple(parts), scale=scale, days=days)


def _over(part: Recipe, join: Join, window: Window | None) -> Recipe:
    if part.no_date is not None or window is None:
        return part
    return Recipe(join, Shape.LEVEL, parts=(part,), window=window)


def _days(over: timedelta | None, window: Window | None) -> int:
    """Over how many days users are counted: the meter's span, else the window's, a calendar one at its usual length."""
    span = over if over is not None else (window.span if window is not None else None)
    if span is not None:
        return max(1, round(span / DAY))
    return PERIOD_DAYS[window.period] if window is not None else 1


def _question(meter: Meter) -> str:
    """What a meter asks the warehouse, apart from over how long: meters of one question have one history."""
    return meter.model_dump_json(exclude={"title", "over", "stale_after"})
