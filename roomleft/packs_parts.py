"""The other sections of a pack: components, signals, thresholds, limits, targets, prices, costs, advice, figures."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from roomleft.limits import Direction, Kind
from roomleft.packs_fields import (
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
    """A part of the platform whose health is reported. `critical`: the platform is down when it fails."""

    id: Service
    title: Words
    summary: Words
    critical: bool = False


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


class LimitSpec(Strict):
    """Something that can run out. Its amount is given as `amount`, as `objective_percent` of good events, or by a threshold."""

    id: Ident
    kind: Kind
    title: Words
    component: Service | None = None
    amount: Annotated[Exact, Field(ge=0)] | None = None
    objective_percent: Percent | None = None
    threshold: Ident | None = None
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

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        given = [name for name in ("amount", "objective_percent", "threshold") if getattr(self, name) is not None]
        if len(given) != 1:
            todo = "give exactly one of amount, objective_percent and threshold"
            raise PydanticCustomError("amount", "{n} amounts", {"n": len(given) or "no", "todo": todo})
        if self.objective_percent is not None and (self.kind is not Kind.SLO or self.window is None):
            raise PydanticCustomError(
                "amount", "objective_percent is for a limit of kind slo with a window", {"todo": "set kind: slo and a window"}
            )
        return self


class Target(Strict):
    """A target that no limit holds: `declared` ones nothing can observe, others that have no source yet."""

    id: Ident
    title: Words
    value: Exact
    unit: Unit
    declared: bool = False
    why: Words


class Price(Strict):
    """A model's price from a day on (00:00 UTC). Dollars a unit, or a million tokens; what is not named has no price."""

    model_config = Strict.model_config | {"populate_by_name": True}
    valid_from: date = Field(alias="from")
    usd_per_token: Money | None = Field(None, description="for every kind of token alike")
    input_usd_per_mtok: Money | None = None
    cache_read_usd_per_mtok: Money | None = None
    cache_write_usd_per_mtok: Money | None = None
    output_usd_per_mtok: Money | None = None
    usd_per_image: Money | None = None
    usd_per_character: Money | None = None
    usd_per_audio_second: Money | None = None
    usd_per_request: Money | None = None

    @model_validator(mode="after")
    def _some_price(self) -> Self:
        mtok = (self.input_usd_per_mtok, self.cache_read_usd_per_mtok, self.cache_write_usd_per_mtok, self.output_usd_per_mtok)
        if self.usd_per_token is not None and any(price is not None for price in mtok):
            raise PydanticCustomError(
                "price", "usd_per_token already prices every token", {"todo": "leave the *_usd_per_mtok keys out"}
            )
        if not self.per_unit():
            raise PydanticCustomError("price", "no price", {"todo": "give for example usd_per_token or usd_per_image"})
        return self

    def per_unit(self) -> dict[str, Decimal]:
        """Dollars a unit, by the warehouse's unit names."""
        million = Decimal(1_000_000)
        prices: dict[str, Decimal | None] = {}
        for bucket, mtok in (
            ("input_uncached_tokens", self.input_usd_per_mtok),
            ("cache_read_tokens", self.cache_read_usd_per_mtok),
            ("cache_write_tokens", self.cache_write_usd_per_mtok),
            ("output_tokens", self.output_usd_per_mtok),
        ):
            prices[bucket] = self.usd_per_token if self.usd_per_token is not None else (None if mtok is None else mtok / million)
        prices["images"] = self.usd_per_image
        prices["characters"] = self.usd_per_character
        prices["audio_seconds"] = self.usd_per_audio_second
        prices["requests"] = self.usd_per_request
        return {unit: price for unit, price in prices.items() if price is not None}


class ModelPrices(Strict):
    """A model's prices over time, oldest first."""

    title: Words | None = None
    prices: Annotated[list[Price], Field(min_length=1)]


class ProviderPrices(Strict):
    """One provider's price list, when it was last checked and where it comes from."""

    provider: Service
    title: Words | None = None
    checked_on: date
    source: Words
    models: Annotated[dict[Service, ModelPrices], Field(min_length=1)]


class CostItem(Strict):
    """One line of the monthly infrastructure bill, from a day on, until a day."""

    model_config = Strict.model_config | {"populate_by_name": True}
    id: Ident
    title: Words
    component: Service | None = None
    usd_per_month: Money
    valid_from: date | None = Field(None, alias="from")
    until: date | None = None


class Costs(Strict):
    """Infrastructure a month, item by item. `assumed`: nobody gave these figures."""

    assumed: bool = False
    source: Words
    zone: Zone = "UTC"
    items: Annotated[list[CostItem], Field(min_length=1)]


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
    """A recommendation of a report: when it applies, what it says, and its figures."""

    id: Ident
    report: Literal["capacity", "cost"]
    when: Words
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


class CostReport(Strict):
    """The cost report: how many days it looks back on."""

    period: Span


class CapacityReport(Strict):
    """The capacity report: how much history it reads, and how far it forecasts each thing."""

    history: Span
    horizons: Annotated[dict[Ident, Span], Field(min_length=1)]


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
