"""What events cost: exactly, in whole numbers, by the rates that held when they happened.

`price_rows` is pure: a table of events and the rates that may hold for them. `price_usage` prices new events inside the transaction that
stores them. To price stored events again, hand `price_rows` their rows as `tables.USAGE` (one chunk a column) and fresh rates, for example
`Catalogue.rates_for` of every provider and model in the table: a rate's valid_from and valid_to restrict it to what held when each event
happened, so the past is priced at the past's prices, as they are known now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from roomleft.units import IMAGE_KIND, OWN_PRICE_ONLY, service_class
from warehouse import tables
from warehouse.ingest.quantities import Flags, Numbers, Quantities, marked, parent_of, quantities_of, whole
from warehouse.ingest.rate_stretches import FINEST, NO_PRICE, Cell, Thing, grid_of

if TYPE_CHECKING:
    from warehouse.ingest.rate_book import RateBook
    from warehouse.store import Transaction

# Rates that ended before the first event or begin after the last can hold for none.
RATES = """
SELECT provider, model, platform, unit, usd_per_unit, price_id, valid_from, valid_to, catalogue, resolved_at, coalesce(context, '') AS context,
    coalesce(input_over, 0) AS input_over, minute_from, minute_to
FROM rates
WHERE list_contains($providers::VARCHAR[], provider) AND list_contains($models::VARCHAR[], model) AND list_contains($platforms::VARCHAR[], platform)
    AND epoch_us(valid_from) <= $last AND (valid_to IS NULL OR epoch_us(valid_to) > $first)
"""
STORED = 9
EXACT = pa.decimal128(38, FINEST)
PER_STORED = 10 ** (FINEST - STORED)
MOST_INT64 = 9e18
MOST_STORED = 10**15
"""A million dollars. No event costs that much, and a thousand that did would not add up in a rollup's DECIMAL(18, 9)."""
MANY = 1_000_000
"""Codes below it are counted, which is quicker than sorting them."""
STATES = ("priced", "free", "unpriced", "reported", "estimated")
TOLD_BY = {
    "images": ("output_image_tokens", "output_tokens"),
    "audio_seconds": ("input_audio_tokens", "input_uncached_tokens"),
    "characters": ("input_uncached_tokens", "input_uncached_tokens"),
}
"""What may be told twice, as so many things and as the tokens they are: the part of a bucket that they are, and the bucket."""
INPUT = frozenset(
    {"input_uncached_tokens", "cache_read_tokens", "cache_write_tokens", "characters", "document_pages", "pixels", "messages"}
)
OUTPUT = frozenset({"output_tokens", "images"})


@dataclass(frozen=True)
class Priced:
    """A row for each event: price_id (what the price is made of, None without any), cost_usd, cost_state (one of STATES)."""

    price_id: pa.Array
    cost_usd: pa.Array
    cost_state: pa.Array


@dataclass(frozen=True)
class Split:
    """Of the cost, what was put in and what came out, not rounded; the rest (requests, searches, audio of no direction) is neither."""

    input_usd: pa.Array
    output_usd: pa.Array


class KeptOut(Exception):
    """Events that cannot be stored with a cost: their places, by the field at fault: `cost_usd` (an absurd cost), `other_units` (parts that
    exceed what they are counted in, or counts that are no counts)."""

    def __init__(self, rows: Mapping[str, Sequence[int]]) -> None:
        super().__init__(rows)
        self.rows = rows


def price_usage(tx: Transaction, usage: pa.Table, book: RateBook | None = None) -> Priced:
    """Prices the rows of `usage` (tables.USAGE, one chunk a column), resolving what was never asked for first. Raises KeptOut."""
    which, things = _things(usage)
    if not things:
        return price_rows(usage, ())
    if book is not None:
        book.resolve(tx, {(provider, model) for provider, model, _, _ in things.values()})
    providers, models, platforms = (sorted({thing[i] for thing in things.values()}) for i in range(3))
    times = usage.column("occurred_at").cast(pa.int64()).to_numpy()
    span = {"first": int(times.min()), "last": int(times.max())}
    rates = tx.execute(RATES, {"providers": providers, "models": models, "platforms": ["", *platforms], **span}).to_pylist()
    return _price(usage, which, things, rates)[0]


def price_rows(usage: pa.Table, rates: Sequence[Mapping[str, Any]]) -> Priced:
    """Prices the rows of `usage` (tables.USAGE, one chunk a column) by `rates`, mappings with the columns of `tables.RATES`. Raises KeptOut."""
    return _price(usage, *_things(usage), rates)[0]


def split_rows(usage: pa.Table, rates: Sequence[Mapping[str, Any]]) -> tuple[Priced, Split]:
    """The same, and how the cost divides into input and output."""
    priced, sums = _price(usage, *_things(usage), rates)
    return priced, Split(*(pa.array([Decimal(int(value)).scaleb(-FINEST) for value in part], EXACT) for part in sums))


def _price(
    usage: pa.Table, which: Numbers, things: dict[int, Thing], rates: Sequence[Mapping[str, Any]]
) -> tuple[Priced, tuple[Numbers, Numbers]]:
    amounts = quantities_of(usage)
    if amounts.faulty.any():
        raise KeptOut({"other_units": np.flatnonzero(amounts.faulty).tolist()})
    cells, place, rough = _placed(usage, which, things, rates)
    cost, incomplete, sums = _cost(amounts, cells, place)
    rounded = _rounded(cost)
    if rounded.dtype == object and (dear := [row for row, value in enumerate(rounded) if abs(value) >= MOST_STORED]):
        raise KeptOut({"cost_usd": dear})
    rounded = rounded.astype(np.int64)
    estimated = np.array([cell.estimated for cell in cells])[place] | rough
    unknown = np.array([cell.price_id is None for cell in cells])[place]
    state, rounded, told = _states(usage, rounded, cost, incomplete, estimated, unknown)
    price_id = pa.array([cell.price_id for cell in cells], pa.string()).take(pa.array(place))
    if told is not None:
        price_id = pa.array(np.where(told, "reported", price_id.to_numpy(zero_copy_only=False)), pa.string())
    return Priced(price_id, _money(rounded), pa.array(STATES).take(pa.array(state))), sums


def _states(
    usage: pa.Table, rounded: Numbers, cost: Numbers, incomplete: Flags, estimated: Flags, unknown: Flags
) -> tuple[Numbers, Numbers, Flags | None]:
    """Each row's state, its cost once what the source said is in it, and the rows where that is so."""
    attributes = usage.column("attributes").chunk(0)
    if (guessed := marked(attributes, "usage_estimated", "true")) is not None:
        estimated = estimated | guessed
    state = np.where(incomplete, 2, np.where(cost == 0, 1, np.where(estimated, 4, 0))).astype(np.int8)
    column = usage.column("reported_cost_usd").chunk(0)
    if column.null_count == len(column):
        return state, rounded, None
    said = column.is_valid().to_numpy(zero_copy_only=False)
    reported = whole(column)
    # A source that knows no price says nothing, or zero: of calls that used something that is no cost.
    told = said & ((incomplete & (reported != 0)) | (unknown & ~incomplete))
    if (trusted := marked(attributes, "cost_source", "provider")) is not None:
        told |= said & trusted
    if dear := np.flatnonzero(told & (np.abs(reported) >= MOST_STORED)).tolist():
        raise KeptOut({"cost_usd": dear})
    return np.where(told, 3, state).astype(np.int8), np.where(told, reported, rounded), told


def _things(usage: pa.Table) -> tuple[Numbers, dict[int, Thing]]:
    """Each row's number of its (provider, model, platform, service class), and what those mean; without a provider or model: left out."""
    code: Numbers = np.zeros(usage.num_rows, dtype=np.int64)
    words: list[list[str | None]] = []
    for name in ("provider", "model", "platform", "service_tier", "operation"):
        column = usage.column(name).chunk(0)
        if column.null_count == len(column):
            words.append([None])
            continue
        encoded = column.dictionary_encode(null_encoding="encode")
        words.append(encoded.dictionary.to_pylist())
        code = code * len(words[-1]) + encoded.indices.to_numpy()
    things: dict[int, Thing] = {}
    present = np.flatnonzero(np.bincount(code)) if len(code) and code.max() < MANY else np.unique(code)
    for number in present.tolist():
        rest, found = number, []
        for known in reversed(words):
            rest, at = divmod(rest, len(known))
            found.append(known[at])
        operation, tier, platform, model, provider = found
        if provider is not None and model is not None:
            things[number] = (provider, model, str(platform), service_class(tier, operation))
    return code, things


def _placed(
    usage: pa.Table, which: Numbers, things: dict[int, Thing], rates: Sequence[Mapping[str, Any]]
) -> tuple[list[Cell], Numbers, Flags]:
    """The cells in use, each row's cell among them (0: no price), and the rows of several calls at once for which other prices may hold: by
    their size, which is a mean, by the hours of their period, or because a price changes within it."""
    offers: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for rate in rates:
        offers.setdefault((rate["provider"], rate["model"], rate["platform"]), []).append(rate)
    cells: list[Cell] = [NO_PRICE]
    place: Numbers = np.zeros(usage.num_rows, dtype=np.int64)
    rough = np.zeros(usage.num_rows, dtype=bool)
    begun: dict[Thing, tuple[int, Any]] = {}
    known = {number: thing for number, thing in things.items() if _offers(offers, thing)}
    if not known:
        return cells, place, rough
    times = usage.column("occurred_at").cast(pa.int64()).to_numpy()
    period = usage.column("period_end").chunk(0)
    ends = np.maximum(period.cast(pa.int64()).fill_null(0).to_numpy() - 1, times) if period.null_count < len(period) else None
    requests = usage.column("requests").to_numpy()
    put_in = sum(usage.column(name).to_numpy() for name in ("input_uncached_tokens", "cache_read_tokens", "cache_write_tokens"))
    for number, thing in known.items():
        if thing not in begun:
            grid = grid_of(thing, _offers(offers, thing))
            begun[thing] = (len(cells), grid)
            cells.extend(grid.cells)
        first, grid = begun[thing]
        rows = np.flatnonzero(which == number) if len(things) > 1 else slice(None)
        found = grid.places(times[rows], put_in[rows], requests[rows])
        place[rows] = np.where(found < 0, 0, found + first)
        if grid.sizes:
            rough[rows] = requests[rows] > 1
        if ends is not None:
            last = grid.places(ends[rows], put_in[rows], requests[rows])
            rough[rows] |= (last != found) | ((len(grid.minutes) > 1) & (ends[rows] > times[rows]))
    return cells, place, rough


def _offers(offers: Mapping[tuple[str, str, str], list[Mapping[str, Any]]], thing: Thing) -> list[Mapping[str, Any]]:
    provider, model, platform, _ = thing
    return [rate for whose in {"", platform} for rate in offers.get((provider, model, whose), [])]


def _cost(amounts: Quantities, cells: Sequence[Cell], place: Numbers) -> tuple[Numbers, Flags, tuple[Numbers, Numbers]]:
    """Each row's cost in 10^-15 dollars, whether a quantity of it has no price, and its input's and output's part.

    A request without a price of its own costs nothing extra.
    """
    rows = len(place)
    incomplete = amounts.unknown.copy()
    terms: list[tuple[str, Numbers, list[int]]] = []
    largest = 0.0
    for unit, amount in _leaves(amounts, cells, place):
        rates = [cell.rates.get(unit) for cell in cells]
        if unit != "requests":
            lacking = (amount != 0) & np.array([rate is None for rate in rates])[place]
            if unit in TOLD_BY and lacking.any():
                lacking &= ~_told_by_tokens(amounts, cells, place, *TOLD_BY[unit])
            incomplete |= lacking
        known = [rate or 0 for rate in rates]
        terms.append((unit, amount, known))
        largest += float(np.abs(amount).max(initial=0)) * float(max(known))
    kind: type = np.int64 if largest < MOST_INT64 else object
    total: Numbers = np.zeros(rows, dtype=kind)
    put_in: Numbers = total
    came_out: Numbers = total
    for unit, amount, known in terms:
        cost: Numbers = amount.astype(kind) * np.array(known, dtype=kind)[place]
        total = total + cost
        family = parent_of(unit) or unit
        if family in INPUT or unit == "input_audio_seconds":
            put_in = put_in + cost
        elif family in OUTPUT or unit == "output_audio_seconds":
            came_out = came_out + cost
    return total, incomplete, (put_in, came_out)


def _leaves(amounts: Quantities, cells: Sequence[Cell], place: Numbers) -> list[tuple[str, Numbers]]:
    """Every unit with the amount to price by its own rate: a part with a price of its own is taken out of its bucket, others stay in it."""
    leaves: dict[str, Numbers] = {}
    for unit, amount in amounts.amounts.items():
        if unit != "reasoning_tokens" and parent_of(unit) is None:
            leaves[unit] = amount
    parts = {bucket: list(names) for bucket, names in amounts.parts.items()}
    if "reasoning_tokens" in amounts.amounts and any("reasoning_tokens" in cell.rates for cell in cells):
        parts.setdefault("output_tokens", []).append("reasoning_tokens")
    for bucket, names in parts.items():
        rest = amounts.amounts.get(bucket, np.zeros(len(place), dtype=np.int64))
        for part in names:
            own = np.array([part in OWN_PRICE_ONLY or part in cell.rates for cell in cells])[place]
            leaves[part] = np.where(own, amounts.amounts[part], 0)
            rest = rest - leaves[part]
        if (rest < 0).any():
            raise KeptOut({"other_units": np.flatnonzero(rest < 0).tolist()})
        leaves[bucket] = rest
    pictures = [unit for unit in leaves if unit == "images" or unit.startswith(IMAGE_KIND)]
    if pictures and any("output_image_tokens" in cell.rates for cell in cells):
        # A model that sells pictures by the token: where a call tells those, its pictures are paid for.
        paid = _told_by_tokens(amounts, cells, place, *TOLD_BY["images"])
        for unit in pictures:
            leaves[unit] = np.where(paid, 0, leaves[unit])
    return [(unit, amount) for unit, amount in leaves.items() if amount.any()]


def _told_by_tokens(amounts: Quantities, cells: Sequence[Cell], place: Numbers, part: str, bucket: str) -> Flags:
    """The rows whose tokens of that kind are told and have a price: the part's own, or the bucket's where the two cost the same."""
    nothing = np.zeros(len(place), dtype=np.int64)
    own = [cell.rates.get(part, cell.rates.get(bucket) if part not in OWN_PRICE_ONLY else None) for cell in cells]
    of_part = (amounts.amounts.get(part, nothing) > 0) & np.array([rate is not None for rate in own])[place]
    same = [rate is not None and rate == cell.rates.get(bucket) for rate, cell in zip(own, cells, strict=True)]
    told: Flags = of_part | ((amounts.amounts.get(bucket, nothing) > 0) & np.array(same)[place])
    return told


def _rounded(cost: Numbers) -> Numbers:
    """10^-15 dollars as 10^-9 dollars, a half to the even one, as money is rounded everywhere."""
    whole_usd, rest = cost // PER_STORED, cost % PER_STORED
    up = (rest > PER_STORED // 2) | ((rest == PER_STORED // 2) & (whole_usd % 2 == 1))
    rounded: Numbers = whole_usd + up
    return rounded


def _money(cost: Numbers) -> pa.Array:
    cost = cost.astype(np.int64)
    halves = np.column_stack([cost, cost >> 63]).astype(np.int64)
    return pa.Array.from_buffers(tables.USD, len(cost), [None, pa.py_buffer(halves.tobytes())])
