"""Prepaid credits as a person writes them: money paid to a provider in advance, from a day on, until it expires."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from roomleft.decisions import Decision
from roomleft.errors import InputError
from roomleft.limit_terms import checked
from roomleft.packs_fields import Address, Exact, Service, Strict, Words, Zone
from roomleft.timespan import midnight

KIND: Final = "credit"
"""The kind of these decisions among the terms."""


class CreditSpec(Strict):
    """A prepaid credit. It pays for the cost of `provider` from the beginning of the day `starts` to the end of `expires`, days of `zone`."""

    title: Words
    provider: Service
    amount_usd: Annotated[Exact, Field(gt=0)]
    starts: date
    expires: date | None = None
    zone: Zone = "UTC"
    owner: Annotated[str, Field(max_length=400)] = ""
    recipients: Annotated[list[Address], Field(default_factory=list, max_length=50)]
    note: Annotated[str, Field(max_length=1000)] = ""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.expires is not None and self.expires < self.starts:
            raise PydanticCustomError(
                "expires", "it expires before it starts", {"todo": "give the last day on which it can be used"}
            )
        return self


@dataclass(frozen=True, slots=True)
class Credit:
    """A credit in force or to come: usable in [since, until); `until` None: it does not expire. `platform` '' means any."""

    term_id: int
    name: str
    platform: str
    spec: CreditSpec
    since: datetime
    until: datetime | None
    made_by: str
    made_at: datetime

    @property
    def provider(self) -> str:
        return self.spec.provider

    @property
    def amount_usd(self) -> Decimal:
        return self.spec.amount_usd


def credit_spec(content: Mapping[str, Any], where: str) -> CreditSpec:
    """The credit that a body or a stored text holds. Raises InputError."""
    return checked(CreditSpec, content, where)


def first_instant(spec: CreditSpec) -> datetime:
    """When the credit begins, in UTC."""
    return midnight(spec.starts, ZoneInfo(spec.zone))


def credits_of(standing: Iterable[Decision]) -> list[Credit]:
    """The credits, oldest first: of several decisions about one the newest counts, a correction too. What cannot be read is left out."""
    newest: dict[tuple[str, str], Decision] = {}
    for term in sorted(standing, key=lambda each: each.id):
        newest[term.platform, term.subject] = term
    found = []
    for term in newest.values():
        try:
            spec = credit_spec(term.content, f"credit {term.subject}")
        except InputError:
            continue
        until = midnight(spec.expires + timedelta(days=1), ZoneInfo(spec.zone)) if spec.expires else None
        found.append(Credit(term.id, term.subject, term.platform, spec, first_instant(spec), until, term.made_by, term.made_at))
    return sorted(found, key=lambda each: (each.since, each.term_id))
