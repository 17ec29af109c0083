"""What a contract with a provider changes about its list prices, from a day on: a discount, or prices agreed by unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from roomleft.errors import InputError
from roomleft.packs_fields import Exact, Money, Service, Strict, Words
from roomleft.packs_prices import PricedUnit

KIND = "contract"
"""The kind of decision that holds one (see warehouse.state.Terms)."""
PLACES = Decimal("1e-12")
HUNDRED = Decimal(100)

OffPercent = Annotated[Exact, Field(gt=0, le=100)]


class Contract(Strict):
    """The content of such a decision: whose prices, of one model or all of the provider's, by how many per cent they are lower, or what a
    unit costs (dollars). Its dates and its platform ('' for all) are the decision's own."""

    provider: Service
    model: Service | None = None
    percent_off: OffPercent | None = None
    usd: Annotated[dict[PricedUnit, Money], Field(min_length=1)] | None = None
    note: Words | None = None

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.percent_off is None) == (self.usd is None):
            raise PydanticCustomError("contract", "a contract gives either percent_off or usd")
        if self.usd is not None and self.model is None:
            raise PydanticCustomError("contract", "prices by unit are of one model: name it")
        return self

    def price(self, unit: str, list_usd: Decimal) -> Decimal:
        """What a unit costs whose list price is given; the list price where the contract says nothing of it."""
        if self.percent_off is not None:
            return (list_usd * (HUNDRED - self.percent_off) / HUNDRED).quantize(PLACES, rounding=ROUND_HALF_EVEN)
        return (self.usd or {}).get(unit, list_usd)

    def words(self, unit: str) -> str:
        """What it does to a unit's price, for people."""
        if self.percent_off is not None:
            return f"{self.percent_off.normalize():f} % off the list"
        return "agreed price" if unit in (self.usd or {}) else "list price"


@dataclass(frozen=True, slots=True)
class DatedContract:
    """A contract, since when and until when it holds, and for which platform ('' for all)."""

    id: str
    contract: Contract
    platform: str
    valid_from: datetime
    valid_to: datetime | None


def contract_of(content: Mapping[str, Any]) -> Contract:
    """A decision's content as a contract. Raises InputError with the field at fault."""
    try:
        return Contract.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "contract"
        todo = (first.get("ctx") or {}).get("todo") or "give provider, and percent_off or usd by unit"
        raise InputError(str(first["msg"]), place, str(todo)) from None
