"""Which rates hold for a call: stretches of time, hours of the day and sizes of a call, within which every rate is constant.

A price belongs to (provider, model), for one platform or for everyone (''). Unit by unit, the platform's own price wins over one a contract
gave it, and that over everyone's; then a price of the call's own service class over the standard one, the highest size that the call exceeds,
a price of its hours over one of the whole day; then the one valid since later, then the one resolved later. Where a list has no price at
all of a service class the standard one is taken, and what comes of it is an estimate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MINUTE_US, DAY_MINUTES = 60_000_000, 1_440
FINEST = 15
"""Rates have 12 decimal places and seconds 3, so every product is whole in units of 10^-15 dollars."""
CONTRACT, ESTIMATE = "contract", "estimate"
"""How the name of a catalogue begins whose prices a contract gave, or which nobody measured yet."""

Thing = tuple[str, str, str, str]
"""Provider, model, platform, service class."""
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cell:
    """Rates in force together: 10^-15 dollars per stored whole unit (seconds are stored as thousandths), the ids of those prices, and
    whether they are an estimate."""

    rates: dict[str, int]
    price_id: str | None
    estimated: bool = False


NO_PRICE = Cell({}, None)


@dataclass(frozen=True, slots=True)
class Grid:
    """A thing's cells: by time (edges in microseconds), then by minute of the UTC day (starts), then by the size a call exceeds (tokens)."""

    edges: Whole
    minutes: Whole
    sizes: tuple[int, ...]
    cells: list[Cell]

    def places(self, times_us: Whole, input_tokens: Whole, requests: Whole) -> Whole:
        """Each event's cell, -1 before the first edge. The size of a call in a row of several is their mean."""
        place = np.searchsorted(self.edges, times_us, side="right") - 1
        before = place < 0
        if len(self.minutes) > 1:
            minute = times_us // MINUTE_US % DAY_MINUTES
            place = place * len(self.minutes) + np.searchsorted(self.minutes, minute, side="right") - 1
        if self.sizes:
            exceeded = np.zeros(len(times_us), dtype=np.int64)
            for size in self.sizes:
                exceeded += input_tokens > size * requests
            place = place * (len(self.sizes) + 1) + exceeded
        place[before] = -1
        return place


def grid_of(thing: Thing, rates: Sequence[Mapping[str, Any]]) -> Grid:
    """The cells of a thing from the rates of its provider and model for its platform and for everyone."""
    offers = [_Offer.of(rate, thing) for rate in rates if rate["context"] in (None, "", thing[3])]
    edges = sorted({o.since for o in offers} | {o.until for o in offers if o.until is not None})
    minutes = sorted({0} | {m for o in offers if o.minutes is not None for m in o.minutes if m < DAY_MINUTES})
    sizes = sorted({o.size for o in offers if o.size})
    cells = []
    for edge in edges:
        valid = [o for o in offers if o.since <= edge and (o.until is None or o.until > edge)]
        for minute in minutes:
            of_hours = [o for o in valid if o.minutes is None or _within(minute, o.minutes)]
            for size in (0, *sizes):
                cells.append(_cell([o for o in of_hours if o.size <= size], thing[3]))
    return Grid(np.array(edges, dtype=np.int64), np.array(minutes, dtype=np.int64), tuple(sizes), cells)


@dataclass(frozen=True, slots=True)
class _Offer:
    """A rate as one thing sees it; `order` says which of several wins: the greatest."""

    unit: str
    scaled: int
    price_id: str
    since: int
    until: int | None
    minutes: tuple[int, int] | None
    size: int
    rank: int
    of_class: bool
    estimate: bool
    order: tuple[Any, ...]

    @classmethod
    def of(cls, rate: Mapping[str, Any], thing: Thing) -> _Offer:
        since = (rate["valid_from"] - EPOCH) // MICROSECOND
        until = None if rate["valid_to"] is None else (rate["valid_to"] - EPOCH) // MICROSECOND
        minutes = None if rate["minute_from"] is None else (int(rate["minute_from"]), int(rate["minute_to"]))
        size, unit, catalogue = int(rate["input_over"] or 0), str(rate["unit"]), str(rate["catalogue"])
        rank = 0 if rate["platform"] == "" else 1 if catalogue.startswith(CONTRACT) else 2
        of_class = bool(thing[3]) and rate["context"] == thing[3]
        # A second is stored as thousandths, which 10^-15 dollars are whole numbers of as well.
        scaled = int(rate["usd_per_unit"].scaleb(FINEST - 3 if unit.endswith("_seconds") else FINEST))
        order = (rank, of_class, size, minutes is not None, since, rate["resolved_at"], rate["price_id"])
        return cls(
            unit, scaled, rate["price_id"], since, until, minutes, size, rank, of_class, catalogue.startswith(ESTIMATE), order
        )


def _within(minute: int, hours: tuple[int, int]) -> bool:
    begin, end = hours
    return begin <= minute < end if begin < end else minute >= begin or minute < end


def _cell(offers: Sequence[_Offer], service_class: str) -> Cell:
    chosen: dict[str, _Offer] = {}
    for offer in sorted(offers, key=lambda offer: offer.order):
        chosen[offer.unit] = offer
    if not chosen:
        return NO_PRICE
    # A list that prices the class for some units means the standard price for the others; one that knows nothing of it does not.
    told = {offer.rank for offer in offers if offer.of_class}
    guessed = bool(service_class) and any(offer.rank not in told for offer in chosen.values())
    estimated = guessed or any(offer.estimate for offer in chosen.values())
    price_id = " + ".join(sorted({offer.price_id for offer in chosen.values()}))
    return Cell({unit: offer.scaled for unit, offer in chosen.items()}, price_id, estimated)
