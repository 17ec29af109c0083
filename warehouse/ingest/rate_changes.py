"""What a price list says now against what is stored: the rates to add so that from now on the list holds. Nothing stored is ever changed.

Of a provider and model that nothing is stored of, all of the list is added, its past too. Of one that is known only what differs from now on
is: a row that begins now, or later where the list says so. What was stored under the old list keeps its price until somebody re-prices it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from roomleft.packs import RateRow
from warehouse.ingest.rate_stretches import CONTRACT

Key = tuple[str, str, int, int | None, int | None]
"""A price's place in a list: unit, service class, size, hours."""


def changes(stored: Sequence[Mapping[str, Any]], fresh: Sequence[RateRow], now: datetime) -> list[RateRow]:
    """The rows to add, of any number of providers and models. `stored` are rows of `rates`; packs' own prices among them are left alone."""
    added: list[RateRow] = []
    lists = [row for row in stored if row["platform"] == "" or str(row["catalogue"]).startswith(CONTRACT)]
    for provider, model, platform in sorted({(r.provider, r.model, r.platform) for r in fresh} | {_whose(row) for row in lists}):
        old = [_Held.of(row) for row in lists if _whose(row) == (provider, model, platform)]
        new = [row for row in fresh if (row.provider, row.model, row.platform) == (provider, model, platform)]
        everyone = [row for row in fresh if (row.provider, row.model, row.platform) == (provider, model, "")]
        added += _changed(old, new, _without_contract(everyone, platform), now) if old else new
    return added


def _whose(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["provider"], row["model"], row["platform"]


def _without_contract(everyone: Sequence[RateRow], platform: str) -> list[RateRow]:
    """What a platform pays whose contract is no longer there: everyone's price, noted as its own."""
    return [row._replace(platform=platform, catalogue=f"{CONTRACT} ended, {row.catalogue}") for row in everyone if platform]


class _Held:
    """A rate as one of several that may hold."""

    def __init__(
        self, key: Key, since: datetime, until: datetime | None, usd: Decimal, order: tuple[Any, ...], row: RateRow | None
    ) -> None:
        self.key, self.since, self.until, self.usd, self.order, self.row = key, since, until, usd, order, row

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> _Held:
        key = (row["unit"], row["context"] or "", int(row["input_over"] or 0), row["minute_from"], row["minute_to"])
        order = (row["valid_from"], row["resolved_at"], row["price_id"])
        return cls(key, row["valid_from"], row["valid_to"], row["usd_per_unit"], order, None)

    @classmethod
    def new(cls, row: RateRow) -> _Held:
        held = cls.of(row._asdict())
        held.row = row
        return held

    def holds(self, at: datetime) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


def _changed(old: list[_Held], fresh: Sequence[RateRow], otherwise: Sequence[RateRow], now: datetime) -> list[RateRow]:
    """What `fresh` changes from now on. `otherwise`: what holds where a price is stored and `fresh` has none, after a contract's end."""
    new, usual = [_Held.new(row) for row in fresh], [_Held.new(row) for row in otherwise]
    known = (*old, *new, *usual)
    edges = {now} | {held.since for held in known} | {held.until for held in known if held.until is not None}
    instants = sorted(edge for edge in edges if edge >= now)
    added: list[RateRow] = []
    for key in sorted({held.key for held in (*old, *new)}, key=lambda key: (key[0], key[1], key[2], key[3] or -1)):
        mine = [held for held in old if held.key == key]
        for instant in instants:
            standing = _exact(mine, key, instant)
            wanted = _best(new, key, instant)
            if wanted is None and standing is not None:
                wanted = _best(usual, key, instant)
            if wanted is None or wanted.row is None:
                continue
            if standing is None and wanted.key != key:
                continue
            if standing is None or standing.usd != wanted.usd:
                _, context, size, begin, end = key
                row = wanted.row._replace(context=context, input_over=size, minute_from=begin, minute_to=end)
                if row.valid_from < instant:
                    row = row._replace(valid_from=instant, price_id=f"{row.price_id} from {instant:%Y-%m-%dT%H:%MZ}")
                added.append(row)
                mine.append(_Held.new(row))
    return added


def _exact(held: Sequence[_Held], key: Key, at: datetime) -> _Held | None:
    return max((one for one in held if one.key == key and one.holds(at)), key=lambda one: one.order, default=None)


def _best(held: Sequence[_Held], key: Key, at: datetime) -> _Held | None:
    """What a list says of a place it may not name: the price of exactly it, or else of what holds it (all sizes, all hours, any class)."""
    unit, context, size, begin, end = key
    for hours in ((begin, end), (None, None)):
        for service_class in dict.fromkeys((context, "")):
            for smaller in sorted({one.key[2] for one in held if one.key[2] <= size}, reverse=True):
                if (found := _exact(held, (unit, service_class, smaller, *hours), at)) is not None:
                    return found
    return None
