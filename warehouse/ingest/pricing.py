"""What new events cost: exactly, in whole numbers, by the rates valid when they happened.

A price belongs to (provider, model), for one platform or for everyone (''). A platform's own rate wins, unit by unit; then the one valid
since later, then the one resolved later. Prices change at edges, so the time of each (provider, model, platform) is cut into stretches within
which every rate is constant; an event falls into exactly one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from warehouse import tables

if TYPE_CHECKING:
    from warehouse.store import Transaction

RATES = """
SELECT provider, model, platform, unit, usd_per_unit, price_id, epoch_us(valid_from) AS since_us, epoch_us(valid_to) AS until_us, resolved_at
FROM rates
WHERE list_contains($providers::VARCHAR[], provider) AND list_contains($models::VARCHAR[], model) AND list_contains($platforms::VARCHAR[], platform)
"""
UNITS = (*tables.QUANTITIES, "requests")
# Rates have 12 decimal places and seconds 3, so every product is whole in units of 10^-15 dollars; what is stored has 9 places.
FINEST, STORED = 15, 9
PER_STORED = 10 ** (FINEST - STORED)
MOST_INT64 = 9e18
MOST_STORED = 10**15
"""A million dollars. No event costs that much, and a thousand that did would not add up in a rollup's DECIMAL(18, 9)."""
Numbers = npt.NDArray[Any]
"""Whole numbers: int64, or Python's own (dtype object) where those might not hold them."""


@dataclass(frozen=True)
class Priced:
    """A row for each event: price_id (what the price is made of, None without any), cost_usd, cost_state (priced, free, unpriced)."""

    price_id: pa.Array
    cost_usd: pa.Array
    cost_state: pa.Array


@dataclass(frozen=True)
class Stretch:
    """A stretch of time that begins at `edge_us`: 10^-15 dollars per stored whole unit by unit, and the ids of those prices."""

    edge_us: int
    rates: dict[str, int]
    price_id: str | None


class TooDear(Exception):
    """Events that cost an absurd amount: `rows` are their places."""

    def __init__(self, rows: Sequence[int]) -> None:
        super().__init__(rows)
        self.rows = rows


NO_PRICE = Stretch(0, {}, None)


def price_usage(tx: Transaction, usage: pa.Table) -> Priced:
    """Prices the rows of `usage` (tables.USAGE, one chunk a column). Raises TooDear for costs of a million dollars or more."""
    times = usage.column("occurred_at").cast(pa.int64()).to_numpy()
    which, things = _things(usage)
    stretches = [NO_PRICE]
    place = np.zeros(len(times), dtype=np.int64)
    for number, known in _stretches(tx, things).items():
        rows = np.flatnonzero(which == number)
        found = np.searchsorted(np.array([stretch.edge_us for stretch in known]), times[rows], side="right")
        # Before the first edge no price is valid: place 0 is NO_PRICE.
        place[rows] = np.where(found == 0, 0, found - 1 + len(stretches))
        stretches.extend(known)
    cost, incomplete = _cost(usage, stretches, place)
    state = np.where(incomplete, 2, np.where(cost == 0, 1, 0)).astype(np.int8)
    return Priced(
        pa.array([stretch.price_id for stretch in stretches], pa.string()).take(pa.array(place)),
        _money(_rounded(cost)),
        pa.array(["priced", "free", "unpriced"]).take(pa.array(state)),
    )


def _things(usage: pa.Table) -> tuple[npt.NDArray[np.int64], dict[int, tuple[str, str, str]]]:
    """Each row's number of its (provider, model, platform), and what those numbers mean; things without a provider or model are left out."""
    code = np.zeros(usage.num_rows, dtype=np.int64)
    words: list[list[str | None]] = []
    for name in ("provider", "model", "platform"):
        encoded = usage.column(name).combine_chunks().dictionary_encode(null_encoding="encode")
        words.append(encoded.dictionary.to_pylist())
        code = code * len(words[-1]) + encoded.indices.to_numpy()
    things: dict[int, tuple[str, str, str]] = {}
    for number in np.unique(code).tolist():
        rest, platform = divmod(number, len(words[2]))
        provider, model = words[0][rest // len(words[1])], words[1][rest % len(words[1])]
        if provider is not None and model is not None:
            things[number] = (provider, model, str(words[2][platform]))
    return code, things


def _stretches(tx: Transaction, things: dict[int, tuple[str, str, str]]) -> dict[int, list[Stretch]]:
    """The stretches of every thing that has a price, in order of time."""
    if not things:
        return {}
    providers, models, platforms = (sorted(set(names)) for names in zip(*things.values(), strict=True))
    offers: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for rate in tx.execute(RATES, {"providers": providers, "models": models, "platforms": ["", *platforms]}).to_pylist():
        offers.setdefault((rate["provider"], rate["model"], rate["platform"]), []).append(rate)
    found: dict[int, list[Stretch]] = {}
    for number, (provider, model, platform) in things.items():
        rates = [rate for whose in {"", platform} for rate in offers.get((provider, model, whose), [])]
        if rates:
            edges = {rate["since_us"] for rate in rates} | {rate["until_us"] for rate in rates if rate["until_us"] is not None}
            found[number] = [_stretch(edge, rates) for edge in sorted(edges)]
    return found


def _stretch(edge_us: int, rates: Sequence[dict[str, Any]]) -> Stretch:
    valid = [rate for rate in rates if rate["since_us"] <= edge_us and (rate["until_us"] is None or rate["until_us"] > edge_us)]
    chosen: dict[str, dict[str, Any]] = {}
    for rate in sorted(valid, key=lambda rate: (rate["platform"] != "", rate["since_us"], rate["resolved_at"], rate["price_id"])):
        chosen[rate["unit"]] = rate
    # An audio second is stored as thousandths, which 10^-15 dollars are whole numbers of as well.
    scaled = {unit: int(rate["usd_per_unit"].scaleb(12 if unit == "audio_seconds" else FINEST)) for unit, rate in chosen.items()}
    return Stretch(edge_us, scaled, " + ".join(sorted({rate["price_id"] for rate in chosen.values()})) or None)


def _cost(usage: pa.Table, stretches: Sequence[Stretch], place: Numbers) -> tuple[Numbers, npt.NDArray[np.bool_]]:
    """Each row's cost in 10^-15 dollars, and whether a quantity of it has no price. A request without a price of its own costs nothing extra."""
    parts: list[tuple[Numbers, list[int]]] = []
    incomplete = np.zeros(usage.num_rows, dtype=bool)
    largest = 0.0
    for unit in UNITS:
        amounts = _whole(usage.column(unit).chunk(0))
        if not amounts.any():
            continue
        rates = [stretch.rates.get(unit) for stretch in stretches]
        if unit != "requests":
            incomplete |= (amounts != 0) & np.array([rate is None for rate in rates])[place]
        parts.append((amounts, [rate or 0 for rate in rates]))
        largest += float(np.abs(amounts.astype(np.float64)).max()) * float(max(abs(rate or 0) for rate in rates))
    kind: type = np.int64 if largest < MOST_INT64 else object
    total = np.zeros(usage.num_rows, dtype=kind)
    for amounts, known in parts:
        total = total + amounts.astype(kind) * np.array(known, dtype=kind)[place]
    return total, incomplete


def _whole(column: pa.Array) -> Numbers:
    """A column of whole numbers, or of seconds in thousandths."""
    if not pa.types.is_decimal(column.type):
        numbers: Numbers = column.to_numpy()
        return numbers
    # The low half of each 128-bit number is all of it: decimal(18, 3) fits 64 bits.
    low: Numbers = np.frombuffer(column.buffers()[1], dtype=np.int64)[2 * column.offset : 2 * (column.offset + len(column)) : 2]
    return low


def _rounded(cost: Numbers) -> Numbers:
    """10^-15 dollars as 10^-9 dollars, a half to the even one, as money is rounded everywhere."""
    whole, rest = cost // PER_STORED, cost % PER_STORED
    up = (rest > PER_STORED // 2) | ((rest == PER_STORED // 2) & (whole % 2 == 1))
    rounded: Numbers = whole + up
    return rounded


def _money(cost: Numbers) -> pa.Array:
    if cost.dtype == object:
        if dear := [row for row, value in enumerate(cost) if abs(value) >= MOST_STORED]:
            raise TooDear(dear)
        cost = cost.astype(np.int64)
    halves = np.column_stack([cost, cost >> 63]).astype(np.int64)
    return pa.Array.from_buffers(tables.USD, len(cost), [None, pa.py_buffer(halves.tobytes())])
