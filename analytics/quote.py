"""What calls would cost: the same arithmetic as at ingest, without storing anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa

from analytics.catalogue import Catalogue
from warehouse.ingest.pricing import KeptOut, split_rows

REASONS = {
    "cost_usd": "it would cost a million dollars or more: are its quantities in the right unit?",
    "other_units": "it holds more of a part than of what it is a part of, or a count that is negative or a fraction",
}


@dataclass(frozen=True, slots=True)
class Quote:
    """One call's cost (a lower bound where `state` is `unpriced`), the part of it that was put in and that came out, the state of its price
    (priced, free, unpriced, reported, estimated; or `refused`, with the reason), and the price it is made of."""

    cost_usd: Decimal
    input_usd: Decimal
    output_usd: Decimal
    state: str
    price_id: str | None
    reason: str | None = None


REFUSED = Decimal(0)
NANO = Decimal("1e-9")


def quote(usage: pa.Table, catalogue: Catalogue, now: datetime) -> list[Quote]:
    """A quote for each row of `usage` (tables.USAGE), at the prices known now for when it happened."""
    usage = usage.combine_chunks()
    rates = [
        row._asdict()
        for provider, model, platform in _things(usage)
        for row in catalogue.rates_for(provider, model, now, platform)
    ]
    # Everyone's prices are answered once for each platform that was asked about.
    rates = list({tuple(rate.values()): rate for rate in rates}.values())
    found: list[Quote | None] = [None] * usage.num_rows
    left = np.arange(usage.num_rows)
    while len(left):
        try:
            priced, split = split_rows(usage.take(left).combine_chunks(), rates)
        except KeptOut as error:
            refused = {row: field for field, rows in error.rows.items() for row in rows}
            for row, field in refused.items():
                found[left[row]] = Quote(REFUSED, REFUSED, REFUSED, "refused", None, REASONS[field])
            left = np.delete(left, list(refused))
            continue
        columns = (priced.cost_usd, split.input_usd, split.output_usd, priced.cost_state, priced.price_id)
        for row, values in zip(left, zip(*(column.to_pylist() for column in columns), strict=True), strict=True):
            cost, put_in, came_out, state, price_id = values
            found[row] = Quote(cost, _shortest(put_in), _shortest(came_out), state, price_id)
        break
    return [one for one in found if one is not None]


def _shortest(amount: Decimal) -> Decimal:
    """Nine decimal places, more only where there is something in them: input and output are exact, only their sum is rounded."""
    nano = amount.quantize(NANO)
    return nano if nano == amount else amount.normalize()


def _things(usage: pa.Table) -> Sequence[tuple[str, str, str]]:
    named = usage.select(["provider", "model", "platform"]).group_by(["provider", "model", "platform"]).aggregate([])
    rows = [(row["provider"], row["model"], row["platform"]) for row in named.to_pylist()]
    return sorted(row for row in rows if row[0] is not None and row[1] is not None)
