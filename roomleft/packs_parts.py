"""The other sections of a pack: components, signals, thresholds, limits, targets, prices, costs, advice, figures."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from roomleft.limits import Direction, Kind
from roomleft.packs_fields import (
    Address,
    Exact,
    Fraction,
    Ident,
    Money,
    Percent,
    Positive,
    Service,
    Slug,
    Span,
    Strict,
    Unit,
    WindowSpec,
    Words,
    Zone,
)


class SourceSpec(Strict):
    """Where the platform's own API is, unless the settings say otherwise. `interval` is how often its readings are taken."""

    name: Slug | None = None
    url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    token_env: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] | None = None
    interval: Span | None = None


class Component(Strict):
    """A part of the platform whose health is reported. `critical`: the platform is down when it fails.

    `depends_on` names the components that it cannot do without: when they fail, its own trouble is theirs. `redundant`: its
    checks are of alternatives, so that it is degraded while some of them pass, and down when none does.
    """

    id: Service
    title: Words
    summary: Words
    critical: bool = False
    depends_on: list[Service] = []
    redundant: bool = False


class Signal(Strict):
    """One chart of a component's page. `show` turns counters into rates; `by` draws a line for each value of a label.

    `live`: the Live tab shows it too, as it comes in.
    """

    component: Service
    title: Words
    series: Service
    unit: Unit
    labels: dict[str, str] = {}
    by: Service | None = None
    show: Literal["value", "rate_per_second", "ratio"] = "value"
    of: Service | None = None
    across: Literal["sum", "mean", "max", "min"] = "mean"
    limit: Ident | None = None
    threshold: Ident | None = None
    live: bool = False


class Threshold(Strict):
    """A line that a reading should not cross."""

    title: Words
    component: Service
    side: Literal["above", "below"]
    amount: Exact
    unit: Unit


class NextStepSpec(Strict):
    """What to do for more room; a negative cost is a saving."""

    what: Words
    cost_usd_per_month: Exact | None = None
    lead_time: Span | None = None


def _no_rollover(spec: LimitSpec) -> tuple[str, str] | None:
    """Why what a period leaves cannot be carried into the next, and what to do; None if it can."""
    if spec.window is None or spec.window.period is None:
        return "only a calendar window has a period before it to carry from", "set a window such as month, or leave rollover out"
    if spec.amount is None or spec.amount_per is not None:
        return "only a limit with an amount of its own rolls over", "give amount, without amount_per"
    if spec.per_user or spec.direction is not Direction.AT_MOST:
        return "only a ceiling on everybody's use together rolls over", "leave rollover out"
    return None


class LimitSpec(Strict):
    """Something that can run out. Its amount is given as `amount`, as `objective_percent` of good events, by a threshold, or as the total
    of a cost tier."""

    id: Ident
    kind: Kind
    title: Words
    component: Service | None = None
    amount: Annotated[Exact, Field(ge=0)] | None = None
    objective_percent: Percent | None = None
    threshold: Ident | None = None
    cost_tier: Ident | None = None
    unit: Unit
    meter: Ident
    direction: Direction = Direction.AT_MOST
    window: WindowSpec | None = None
    amount_per: Ident | None = None
    per_user: bool = False
    owner: Words
    tight_below: Fraction = Decimal("0.1")
    next_step: NextStepSpec | None = None
    assumed: bool = False
    state: Ident | None = None
    rollover: bool = False
    recipients: Annotated[list[Address], Field(max_length=50)] = []
    note: Annotated[str, Field(max_length=1000)] = ""

    @model_validator(mode="after")
    def _can_roll_over(self) -> Self:
        why = _no_rollover(self) if self.rollover else None
        if why:
            raise PydanticCustomError("rollover", "{why}", {"why": why[0], "todo": why[1]})
        return self

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        given = [name for name in ("amount", "objective_percent", "threshold", "cost_tier") if getattr(self, name) is not None]
        if len(given) != 1:
            todo = "give exactly one of amount, objective_percent, threshold and cost_tier"
            raise PydanticCustomError("amount", "{n} amounts", {"n": len(given) or "no", "todo": todo})
        if self.objective_percent is not None and (self.kind is not Kind.SLO or self.window is None):
            raise PydanticCustomError(
                "amount", "objective_percent is for a limit of kind slo with a window", {"todo": "set kind: slo and a window"}
            )
        return self


class Target(Strict):
    """A target that no limit holds: `declared` ones nothing can observe, others that have no source yet, or those whose reading
    is that of a `limit` with another amount (a goal beside what holds today)."""

    id: Ident
    title: Words
    value: Exact
    unit: Unit
    declared: bool = False
    limit: Ident | None = None
    why: Words


class ScalingRule(Strict):
    """When to add or remove capacity: `share_percent` of the parts have `side` `use_percent` in use, for `hold`."""

    side: Literal["above", "below"]
    use_percent: Exact
    share_percent: Exact | None = None
    hold: Span | None = None


class Scaling(Strict):
    """How a component scales: when up, when down, how long between, and the fewest and most parts."""

    title: Words
    component: Service
    up: ScalingRule | None = None
    down: ScalingRule | None = None
    cooldown: Span | None = None
    fewest: Positive | None = None
    most: Positive | None = None
    unit: Unit = "instances"


class Risk(Strict):
    """A risk the design names, and the limits that watch it."""

    id: Ident
    title: Words
    limits: list[Ident] = []
    why: Words | None = None


class Hop(Strict):
    """One hop of a request: the component that answers it, and the series (ms) that says how long it takes there."""

    component: Service
    title: Words
    series: Service
    labels: dict[str, str] = {}


class RequestPath(Strict):
    """The way of a request through the components, in order; `total` is the series (ms) of the whole way."""

    title: Words
    hops: Annotated[list[Hop], Field(min_length=2)]
    total: Service | None = None


class TierSpec(Strict):
    """A price tier of the platform's users."""

    name: Service
    title: Words
    price_usd_per_month: Money | None = None
    premium: bool = False
    assumed: bool = False


class StateSpec(Strict):
    """A state of the platform that figures speak of: where it is today, or where it wants to be."""

    title: Words
    concurrent_users: Positive | None = None
    summary: Words


class PeakHours(Strict):
    """The hours of the day that count as peak, [begin, end), in a zone."""

    zone: Zone
    begin: Annotated[int, Field(ge=0, le=23)]
    end: Annotated[int, Field(ge=1, le=24)]
    assumed: bool = False


class ScoreTerm(Strict):
    """One term of a score: `below` is 1 when the reading is below amount, else 0; `free_share` is 1 − reading / of; `share` is the reading."""

    weight: Positive
    kind: Literal["below", "free_share", "share"]
    series: Service
    amount: Positive | None = None
    of: Service | None = None

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        needs = {"below": "amount", "free_share": "of", "share": None}[self.kind]
        if needs and getattr(self, needs) is None:
            raise PydanticCustomError(
                "score", "a {kind} term needs {needs}", {"kind": self.kind, "needs": needs, "todo": f"add {needs}"}
            )
        return self


class Score(Strict):
    """A weighted score between 0 and 1; the weights add up to 1."""

    title: Words
    by: Service | None = None
    terms: Annotated[list[ScoreTerm], Field(min_length=1)]

    @model_validator(mode="after")
    def _weights_add_up(self) -> Self:
        total = sum((term.weight for term in self.terms), Decimal(0))
        if total != 1:
            raise PydanticCustomError(
                "score", "weights add up to {total}, not 1", {"total": str(total), "todo": "change a weight"}
            )
        return self


class Advice(Strict):
    """A recommendation of a report: when it applies, what it says, and its figures.

    `when` is for people. A capacity report works out the same: the `statistic` of the forecast of the meter `of`, within `horizon`, is above `threshold`.
    `p50` and `p95` are the highest of any day; `growth_percent` is of the middle forecast against now; `share_of_limit` is what the middle
    forecast adds up to (of a level: its highest), in per cent of the amount of `limit`.
    """

    id: Ident
    report: Literal["capacity", "cost"]
    when: Words
    of: Ident | None = None
    statistic: Literal["p50", "p95", "growth_percent", "share_of_limit"] | None = None
    limit: Ident | None = None
    threshold: Exact
    unit: Unit
    horizon: Span | None = None
    action: Words
    cost_usd: Exact | None = None
    saving_usd: Exact | None = None
    saving_percent: Exact | None = None
    saving_usd_each: Exact | None = None
    lead_time: Span | None = None
    priority: Literal["low", "medium", "high"] | None = None
    pulls_against: Ident | None = None

    @model_validator(mode="after")
    def _can_be_worked_out(self) -> Self:
        if (self.of is None) != (self.statistic is None):
            raise PydanticCustomError("advice", "of and statistic need each other", {"todo": "give both, or neither"})
        if self.of is not None and self.horizon is None:
            raise PydanticCustomError("advice", "a forecast needs a horizon", {"todo": "add horizon, for example 30d"})
        if (self.statistic == "share_of_limit") != (self.limit is not None):
            todo = "give limit with statistic: share_of_limit, and only with it"
            raise PydanticCustomError("advice", "a share is of a limit", {"todo": todo})
        if self.statistic in ("growth_percent", "share_of_limit") and self.unit != "percent":
            raise PydanticCustomError("advice", "{s} is in percent", {"s": self.statistic, "todo": "set unit: percent"})
        return self


class CostReport(Strict):
    """The cost report: how many days it looks back on."""

    period: Span


class CapacityReport(Strict):
    """The capacity report: how much history it reads, how far it forecasts each thing, and by the meters of which `series` (AI requests and cost need
    none). `tier_users` is the meter of daily users that cost tiers are compared with."""

    history: Span
    horizons: Annotated[dict[Ident, Span], Field(min_length=1)]
    series: dict[Ident, Annotated[list[Ident], Field(min_length=1)]] = {}
    tier_users: Ident | None = None


class Reports(Strict):
    """What the platform's reports cover."""

    cost: CostReport | None = None
    capacity: CapacityReport | None = None


class Persona(Strict):
    """A kind of user as the design describes it, with its cost and price tier."""

    name: Ident
    title: Words
    ai_usd_per_month: Money
    tier: Service
    share_percent: Exact | None = None


class Figure(Strict):
    """A figure of the design: what it must be, and the arithmetic over this pack that makes it."""

    figure: Words
    state: Ident
    expected: Exact
    unit: Unit
    computed: Annotated[str, Field(min_length=1, max_length=500)]
    source: Words
    limit: Ident | None = None
    declared: bool = False
