"""Packs' prices as rows of `rates`. A price that is stored is never edited: a new one begins on a later day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from roomleft.errors import PackError
from roomleft.money import usd
from roomleft.packs import Pack, RateRow
from warehouse.store import Store
from warehouse.tables import RATES


@dataclass(frozen=True, slots=True)
class NewRates:
    """Rates that are not stored yet, and stored ones that a pack now contradicts (which is refused, not applied)."""

    rows: tuple[RateRow, ...]
    contradictions: tuple[PackError, ...]


def new_rates(store: Store, packs: Mapping[str, Pack], now: datetime) -> NewRates:
    """What the packs' prices add to `rates`. The identity of a rate is provider, model, platform, unit, service class, size and
    valid_from."""
    stored = {
        (row["provider"], row["model"], row["platform"], row["unit"], row["context"], row["input_over"], row["valid_from"]): row[
            "usd_per_unit"
        ]
        for row in store.rows("meter_rates")
    }
    rows: list[RateRow] = []
    contradictions: list[PackError] = []
    for pack in packs.values():
        for rate in pack.rates(now):
            known = stored.get(
                (rate.provider, rate.model, rate.platform, rate.unit, rate.context, rate.input_over, rate.valid_from)
            )
            if known is None:
                rows.append(rate)
            elif known != rate.usd_per_unit:
                contradictions.append(
                    PackError(
                        f"the price of {rate.provider} {rate.model} per {rate.unit.removesuffix('s')} from {rate.valid_from:%Y-%m-%d} is stored as "
                        f"{usd(known, 12)}, the pack now says {usd(rate.usd_per_unit, 12)}",
                        f"packs/{pack.slug}.yaml: prices",
                        "a price is never edited: give the new one a later `from`",
                    )
                )
    return NewRates(tuple(rows), tuple(contradictions))


def rates_table(rows: tuple[RateRow, ...]) -> pa.Table:
    """Rates as rows of the `rates` table."""
    return pa.Table.from_pylist([row._asdict() for row in rows], schema=RATES)
