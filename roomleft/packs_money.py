"""What a platform's money is made of, as a pack writes it: dated prices, the monthly bill, cost tiers, other ways to run it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from roomleft.packs_fields import Exact, Ident, Money, Positive, Service, Strict, Unit, Words, Zone


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


class Capacity(Strict):
    """How much of something there is."""

    amount: Exact
    unit: Unit


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
