"""A price list's prices of one model over time, in our units: what every source of prices is turned into before it becomes rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from roomleft.packs import RateRow

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""From when the first price of a list holds that does not say since when."""
PLACES = Decimal("1e-12")

Size = int
Tiers = tuple[tuple[Size, Decimal], ...]
"""Dollars a unit by the size of a call, from 0 upwards: that of the highest size that the call's input tokens exceed holds for all of it."""
Hours = tuple[int, int] | None
"""Two minutes of the UTC day, the second not included; None: all day."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What holds at one instant: each unit's tiers, and units that have no price of their own with the reason for the price they have."""

    of: Mapping[str, Tiers]
    borrowed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moment:
    """Prices of a service class from an instant on, in the hours given."""

    since: datetime
    hours: Hours
    service_class: str
    prices: Prices


@dataclass(frozen=True, slots=True)
class Listed:
    """Where prices come from: the list's name, the model's id in it, and what to say of it."""

    catalogue: str
    id: str
    source: str
    checked_on: date | None


def exact(usd: Decimal) -> Decimal:
    """Dollars a unit as rates keep them: twelve places, half to even."""
    return usd.quantize(PLACES, rounding=ROUND_HALF_EVEN)


def rows_of(listed: Listed, moments: Sequence[Moment], provider: str, model: str, now: datetime) -> list[RateRow]:
    """Rates of (provider, model), as the source spells them, for everyone. `moments` are told for every instant at which anything changes.

    Prices that stay the same over several moments are one rate. A class's price is told only where it is not the standard one.
    """
    instants = sorted({moment.since for moment in moments})
    at: dict[tuple[str, str, int, Hours], dict[datetime, tuple[Decimal, str]]] = {}
    for moment in moments:
        for unit, tiers in moment.prices.of.items():
            for size, usd in tiers:
                place = (unit, moment.service_class, size, moment.hours)
                at.setdefault(place, {})[moment.since] = (exact(usd), moment.prices.borrowed.get(unit, ""))
    rows: list[RateRow] = []
    for (unit, service_class, size, hours), known in at.items():
        begun: datetime | None = None
        for number, instant in enumerate(instants):
            held = known.get(instant)
            if held is None:
                begun = None
                continue
            if begun is not None and known.get(instants[number - 1]) == held:
                continue
            begun = instant
            later = [after for after in instants[number + 1 :] if known.get(after) != held]
            usd, why = held
            since = "start" if instant == BEGINNING else f"{instant:%Y-%m-%d}"
            rows.append(
                RateRow(
                    price_id=f"{listed.catalogue}:{listed.id}:{service_class or 'standard'}:{since}",
                    provider=provider,
                    model=model,
                    platform="",
                    unit=unit,
                    usd_per_unit=usd,
                    valid_from=instant,
                    valid_to=later[0] if later else None,
                    catalogue=listed.catalogue,
                    source=listed.source + (f" ({why})" if why else ""),
                    resolved_at=now,
                    context=service_class,
                    input_over=size,
                    minute_from=hours[0] if hours else None,
                    minute_to=hours[1] if hours else None,
                    checked_on=listed.checked_on,
                )
            )
    return rows
