"""Dated prices, as a pack writes them of its platform and `packs/prices/` writes them for everyone. Read as strictly as packs are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from roomleft.errors import PackError
from roomleft.packs_faults import note_validation_errors
from roomleft.packs_fields import Money, Service, Strict, Words
from roomleft.packs_yaml import nearest, read_yaml
from roomleft.units import BUCKETS, COUNTED, IMAGE_KIND, PART_OF

MILLION = Decimal(1_000_000)
UNITS = (*BUCKETS, "reasoning_tokens", "images", "characters", "audio_seconds", "requests", *PART_OF, *COUNTED)


def _priced_unit(name: str) -> str:
    kind = name.removeprefix(IMAGE_KIND)
    if name not in UNITS and (kind == name or len([part for part in kind.split(".") if part]) != 2):
        raise PydanticCustomError("unit", "{name} is nothing that is counted", {"name": repr(name), "todo": nearest(name, UNITS)})
    return name


PricedUnit = Annotated[str, AfterValidator(_priced_unit)]
"""A stored quantity, one of roomleft.units, or `images.<quality>.<size>`."""


class Price(Strict):
    """A model's price from a day on (00:00 UTC), until a day or the next one. Dollars a unit, or a million tokens; what is not named has no
    price. It may be that of a service class, and of calls above a number of input tokens."""

    model_config = Strict.model_config | {"populate_by_name": True}
    valid_from: date = Field(alias="from")
    until: date | None = None
    service_class: Literal["batch", "flex", "priority", "fast", "scale"] | None = None
    above_input_tokens: Annotated[int, Field(gt=0)] | None = None
    usd_per_token: Money | None = Field(None, description="for every kind of token alike")
    input_usd_per_mtok: Money | None = None
    cache_read_usd_per_mtok: Money | None = None
    cache_write_usd_per_mtok: Money | None = None
    output_usd_per_mtok: Money | None = None
    usd_per_image: Money | None = None
    usd_per_character: Money | None = None
    usd_per_audio_second: Money | None = None
    usd_per_request: Money | None = None
    usd_per: dict[PricedUnit, Money] = Field({}, description="by unit, for units without a key of their own")

    @model_validator(mode="after")
    def _some_price(self) -> Self:
        mtok = (self.input_usd_per_mtok, self.cache_read_usd_per_mtok, self.cache_write_usd_per_mtok, self.output_usd_per_mtok)
        if self.usd_per_token is not None and any(price is not None for price in mtok):
            raise PydanticCustomError(
                "price", "usd_per_token already prices every token", {"todo": "leave the *_usd_per_mtok keys out"}
            )
        if twice := sorted(self._keyed().keys() & self.usd_per.keys()):
            raise PydanticCustomError("price", "{unit} has two prices", {"unit": twice[0], "todo": "leave one out"})
        if not self.per_unit():
            raise PydanticCustomError("price", "no price", {"todo": "give for example usd_per_token or usd_per_image"})
        if self.until is not None and self.until <= self.valid_from:
            raise PydanticCustomError("price", "it ends before it begins", {"todo": "give an until after from"})
        return self

    @property
    def place(self) -> tuple[str | None, int | None]:
        """What it is the price of: its service class and size."""
        return self.service_class, self.above_input_tokens

    @property
    def since(self) -> datetime:
        """Its first instant."""
        return midnight_utc(self.valid_from)

    def per_unit(self) -> dict[str, Decimal]:
        """Dollars a unit, by the warehouse's unit names."""
        return {**self._keyed(), **self.usd_per}

    def _keyed(self) -> dict[str, Decimal]:
        prices: dict[str, Decimal | None] = {}
        for bucket, mtok in (
            ("input_uncached_tokens", self.input_usd_per_mtok),
            ("cache_read_tokens", self.cache_read_usd_per_mtok),
            ("cache_write_tokens", self.cache_write_usd_per_mtok),
            ("output_tokens", self.output_usd_per_mtok),
        ):
            prices[bucket] = self.usd_per_token if self.usd_per_token is not None else (None if mtok is None else mtok / MILLION)
        prices["images"] = self.usd_per_image
        prices["characters"] = self.usd_per_character
        prices["audio_seconds"] = self.usd_per_audio_second
        prices["requests"] = self.usd_per_request
        return {unit: price for unit, price in prices.items() if price is not None}


class ModelPrices(Strict):
    """A model's prices over time, oldest first, and the other names it goes by."""

    title: Words | None = None
    also: list[Service] = []
    prices: Annotated[list[Price], Field(min_length=1)]

    @field_validator("prices")
    @classmethod
    def _in_order(cls, prices: list[Price]) -> list[Price]:
        last: dict[tuple[str | None, int | None], Price] = {}
        for price in prices:
            before = last.get(price.place)
            if before is not None and price.valid_from <= before.valid_from:
                todo = "oldest first, one a day; an old price is never edited"
                raise PydanticCustomError("dates", "prices are not in order of their dates", {"todo": todo})
            if before is not None and before.until is not None and price.valid_from < before.until:
                words = "the price from {later} overlaps the one until {until}"
                raise PydanticCustomError(
                    "dates",
                    words,
                    {"later": str(price.valid_from), "until": str(before.until), "todo": "end the earlier one first"},
                )
            last[price.place] = price
        return prices

    def dated(self) -> Iterator[tuple[Price, datetime | None]]:
        """Every price, and its last instant where it ends by its own word, or because a later one without some of its units took its place."""
        for number, price in enumerate(self.prices):
            later = [after for after in self.prices[number + 1 :] if after.place == price.place]
            ends = [midnight_utc(price.until)] if price.until is not None else []
            if later and not price.per_unit().keys() <= later[0].per_unit().keys():
                ends.append(later[0].since)
            yield price, min(ends, default=None)


class ProviderPrices(Strict):
    """One provider's price list, when it was last checked and where it comes from."""

    provider: Service
    title: Words | None = None
    checked_on: date
    source: Words
    models: Annotated[dict[Service, ModelPrices], Field(min_length=1)]

    @model_validator(mode="after")
    def _names(self) -> Self:
        seen: dict[str, str] = {}
        for model, listed in self.models.items():
            for name in (model, *listed.also):
                if (other := seen.setdefault(name.lower(), model)) != model:
                    words = "{name} is a name of two models, {one} and {other}"
                    raise PydanticCustomError(
                        "names", words, {"name": name, "one": other, "other": model, "todo": "keep it at one"}
                    )
        return self


def midnight_utc(day: date) -> datetime:
    """The first instant of a UTC day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def load_price_lists(folder: Path) -> list[ProviderPrices]:
    """The price lists of `folder`, one a file named after its provider; none when the folder is missing.

    Raises PackFaults with every fault of a file, each with its path and line.
    """
    return [load_price_list(path) for path in sorted(folder.glob("*.yaml"))] if folder.is_dir() else []


def load_price_list(path: Path) -> ProviderPrices:
    """One of them. Raises PackFaults."""
    document = read_yaml(path)
    if not isinstance(document.data, dict):
        document.add("a price list is a map", (), "begin with provider, checked_on, source and models")
        document.refuse()
    data: dict[str, Any] = document.data  # type: ignore[assignment]
    found: ProviderPrices | None = None
    try:
        found = ProviderPrices.model_validate(data)
    except ValidationError as error:
        note_validation_errors(document, ProviderPrices, error)
    document.refuse()
    if found is None:  # pragma: no cover - a list that did not validate has faults
        raise PackError("cannot be read as a price list", str(path), "see docs/prices.md")
    if found.provider != path.stem:
        document.add(
            f"provider is '{found.provider}' but the file is {path.name}", ("provider",), f"rename it to {found.provider}.yaml"
        )
        document.refuse()
    return found
