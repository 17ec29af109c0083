"""The prices to price the past again by: what the catalogue knows now, the measured prices of models that platforms run, and their place in `rates`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from analytics.catalogue import Catalogue
from analytics.reprice import Rates, Thing
from analytics.self_hosted import MEASURED
from warehouse.ingest.rate_book import stored_rates
from warehouse.ingest.rate_stretches import ESTIMATE
from warehouse.tables import RATES

if TYPE_CHECKING:
    from warehouse.store import Transaction


def rates_known(catalogue: Catalogue, now: datetime) -> Rates:
    """What `reprice` asks for: per model what the lists and packs say now, with what was measured of models that platforms run themselves.

    Of a model that nothing knows any more the stored rates hold. A rate that the warehouse has keeps the id it has there; a new one gets an id of its
    own, and is stored when a cost is going to name it.
    """

    def rates(tx: Transaction, things: Sequence[Thing], note: bool) -> list[Mapping[str, Any]]:
        pairs = sorted({(provider, model) for provider, model, _ in things})
        stored = stored_rates(tx, pairs) if pairs else []
        fresh = [
            row._asdict() for provider, model, platform in things for row in catalogue.rates_for(provider, model, now, platform)
        ]
        # What holds for everyone is answered once for each platform.
        fresh = list({tuple(row.values()): row for row in fresh}.values())
        named, added = _named(fresh, stored, now)
        if note and added:
            tx.insert("rates", pa.Table.from_pylist(added, schema=RATES))
        listed = {(row["provider"], row["model"]) for row in fresh}
        kept = [
            row
            for row in stored
            if str(row["catalogue"]).startswith((MEASURED, ESTIMATE)) or (row["provider"], row["model"]) not in listed
        ]
        return [*named, *kept]

    return rates


def _named(
    fresh: Sequence[dict[str, Any]], stored: Sequence[Mapping[str, Any]], now: datetime
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rates under the ids that the warehouse knows them by, and those that it lacks."""
    known = {_identity(row): row["price_id"] for row in stored}
    taken = {(row["price_id"], *_place(row)) for row in stored}
    named, added = [], []
    for row in fresh:
        price_id = known.get(_identity(row))
        if price_id is not None:
            named.append({**row, "price_id": price_id})
            continue
        if (row["price_id"], *_place(row)) in taken:
            row = {**row, "price_id": f"{row['price_id']} as of {now:%Y-%m-%dT%H:%M:%SZ}"}
        named.append(row)
        added.append(row)
    return named, added


def _place(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        row["provider"], row["model"], row["platform"], row["unit"], row["context"] or "", int(row["input_over"] or 0), row["minute_from"],
        row["minute_to"],
    )  # fmt: skip


def _identity(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (*_place(row), row["valid_from"], row["valid_to"], row["usd_per_unit"])
