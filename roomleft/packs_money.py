"""What a platform's money is made of, as a pack writes it: the monthly bill, cost tiers, other ways to run it; prices are in `packs_prices`."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from roomleft.packs_fields import Exact, Ident, Money, Positive, Service, Strict, Unit, Words, Zone
from roomleft.packs_prices import ModelPrices, Price, ProviderPrices

__all__ = [
    "Alternative",
    "Capacity",
    "CostItem",
    "CostTier",
    "Costs",
    "ModelPrices",
    "Plan",
    "Price",
    "ProviderPrices",
    "Serves",
]


class Capacity(Strict):
    """How much of something there is."""

    amount: Exact
    unit: Unit


class Serves(Strict):
    """The models that a cost item runs: its cost of a day is what that day's tokens of theirs cost. No models: all of the provider's."""

    provider: Service
    models: Annotated[list[Service], Field(min_length=1)] | None = None


class CostItem(Strict):
    """One line of the monthly infrastructure bill, from a day on, until a day; `serves` models of the platform's own."""

    model_config = Strict.model_config | {"populate_by_name": True}
    id: Ident
    title: Words
    component: Service | None = None
    usd_per_month: Money
    valid_from: date | None = Field(None, alias="from")
    until: date | None = None
    serves: Serves | None = None

    def on(self, day: date) -> bool:
        """Whether the item is on the bill of a day."""
        return (self.valid_from is None or self.valid_from <= day) and (self.until is None or day < self.until)


class Costs(Strict):
    """Infrastructure a month, item by item, or the items of a cost tier. `assumed`: nobody gave these figures."""

    assumed: bool = False
    source: Words
    zone: Zone = "UTC"
    items: list[CostItem] = []
    cost_tier: Ident | None = None

    @model_validator(mode="after")
    def _either(self) -> Self:
        if bool(self.items) == (self.cost_tier is not None):
            raise PydanticCustomError(
                "costs", "give either items or cost_tier", {"todo": "list the items, or name one of cost_tiers"}
            )
        return self


class Plan(Strict):
    """When the platform means to be in a cost tier, in months since its start: from the first, to the last; no last, no end."""

    first_month: Annotated[int, Field(ge=1)]
    last_month: Annotated[int, Field(ge=1)] | None = None


class CostTier(Strict):
    """What the platform costs a month at one size, item by item, what that size holds, and when it is planned."""

    id: Ident
    title: Words
    daily_users: Positive
    items: Annotated[list[CostItem], Field(min_length=1)]
    holds: dict[Ident, Capacity] = {}
    planned: Plan | None = None


class Alternative(Strict):
    """Another way to run the platform: what it costs a month and which of today's cost items it would replace (all when absent)."""

    id: Ident
    title: Words
    usd_per_month: Money
    replaces: list[Ident] | None = None
    source: Words
