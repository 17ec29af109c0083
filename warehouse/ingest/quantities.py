"""How much of each unit a row of usage holds, in whole numbers: from the columns, and from the map of other units where a row has any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from roomleft.units import COUNTED, IMAGE_KIND, PART_OF
from warehouse import tables

UNITS = (*tables.QUANTITIES, "requests")
Numbers = npt.NDArray[Any]
"""Whole numbers: int64, or Python's own (dtype object) where those might not hold them."""
Flags = npt.NDArray[np.bool_]

PART_OF_COUNTED: Mapping[str, str] = {
    "input_audio_seconds": "audio_seconds",
    "output_audio_seconds": "audio_seconds",
    "annotated_document_pages": "document_pages",
}
"""Parts of what is counted on its own; one that is told without its whole is the whole."""
LARGEST = 2**53
"""Beyond it a float no longer holds every whole number."""


def parent_of(unit: str) -> str | None:
    """The bucket that a unit is counted in, None when it is counted on its own."""
    if unit == "reasoning_tokens":
        return "output_tokens"
    if unit.startswith(IMAGE_KIND):
        return "images"
    return PART_OF.get(unit) or PART_OF_COUNTED.get(unit)


def is_known(unit: str) -> bool:
    """Whether a name in `other_units` means anything to a price list."""
    return unit in PART_OF or unit in COUNTED or unit.startswith(IMAGE_KIND)


@dataclass
class Quantities:
    """Each unit's amount by row (seconds in thousandths); rows with a unit of no known name, and rows whose units cannot be true."""

    amounts: dict[str, Numbers]
    unknown: Flags
    faulty: Flags
    parts: dict[str, list[str]] = field(default_factory=dict)
    """The parts that occur, by the bucket they are counted in."""


def quantities_of(usage: pa.Table) -> Quantities:
    """The amounts of `usage` (tables.USAGE, one chunk a column). Units that no row has any of are left out."""
    rows = usage.num_rows
    found = Quantities({}, np.zeros(rows, dtype=bool), np.zeros(rows, dtype=bool))
    for unit in (*UNITS, "reasoning_tokens"):
        amounts = whole(usage.column(unit).chunk(0))
        if amounts.any():
            found.amounts[unit] = amounts
    others = _entries(usage.column("other_units").chunk(0))
    if others is not None:
        _add_others(found, rows, *others)
    return found


def whole(column: pa.Array) -> Numbers:
    """A column of whole numbers, or of decimals as multiples of their last place; NULL is 0."""
    if not pa.types.is_decimal(column.type):
        numbers: Numbers = column.to_numpy()
        return numbers
    # The low half of each 128-bit number is all of it: decimal(18, n) fits 64 bits.
    low: Numbers = np.frombuffer(column.buffers()[1], dtype=np.int64)[2 * column.offset : 2 * (column.offset + len(column)) : 2]
    return low if not column.null_count else np.where(column.is_null().to_numpy(zero_copy_only=False), 0, low)


def marked(column: pa.Array, key: str, value: str) -> Flags | None:
    """The rows of a map column that hold `key` with `value`; None when no row does."""
    entries = _entries(column)
    if entries is None:
        return None
    row, keys, values = entries
    hits = pc.and_(pc.equal(keys, key), pc.equal(values, value)).fill_null(False).to_numpy(zero_copy_only=False)
    if not hits.any():
        return None
    flags = np.zeros(len(column), dtype=bool)
    flags[row[hits]] = True
    return flags


def _entries(column: pa.MapArray) -> tuple[npt.NDArray[np.int64], pa.Array, pa.Array] | None:
    """A map column's entries: the row, key and value of each; None when there are none."""
    if column.null_count == len(column):
        return None
    offsets = column.offsets.to_numpy().astype(np.int64)
    begin, end = int(offsets[0]), int(offsets[-1])
    if begin == end:
        return None
    row = np.repeat(np.arange(len(column)), np.diff(offsets))
    keys, values = column.keys.slice(begin, end - begin), column.items.slice(begin, end - begin)
    if column.null_count:
        valid = column.is_valid().to_numpy(zero_copy_only=False)[row]
        if not valid.all():
            row, keys, values = row[valid], keys.filter(pa.array(valid)), values.filter(pa.array(valid))
    return row, keys, values


def _add_others(found: Quantities, rows: int, row: npt.NDArray[np.int64], keys: pa.Array, values: pa.Array) -> None:
    told = values.fill_null(0.0).to_numpy(zero_copy_only=False)
    encoded = keys.dictionary_encode()
    code = encoded.indices.to_numpy()
    for number, unit in enumerate(encoded.dictionary.to_pylist()):
        here = (code == number) & (told != 0)
        if not here.any():
            continue
        if not is_known(unit):
            found.unknown[row[here]] = True
            continue
        scaled = told[here] * (1000 if unit.endswith("_seconds") else 1)
        amount = np.rint(scaled)
        # A fraction of a token, fewer than none, or more than a float can count.
        with np.errstate(invalid="ignore"):
            odd = ~np.isfinite(scaled) | (scaled < 0) | (amount > LARGEST)
            if not unit.endswith("_seconds"):
                odd |= amount != scaled
        found.faulty[row[here][odd]] = True
        column = np.zeros(rows, dtype=np.int64)
        np.add.at(column, row[here][~odd], amount[~odd].astype(np.int64))
        found.amounts[unit] = column
        if (parent := parent_of(unit)) is not None:
            found.parts.setdefault(parent, []).append(unit)
    for parent, parts in found.parts.items():
        _check(found, rows, parent, parts)


def _check(found: Quantities, rows: int, parent: str, parts: list[str]) -> None:
    total: Numbers = sum((found.amounts[part] for part in parts), np.zeros(rows, dtype=np.int64))
    whole_amount = found.amounts.get(parent, np.zeros(rows, dtype=np.int64))
    if parent == "images" or parent in PART_OF_COUNTED.values():
        # Told in parts alone: they are the whole.
        whole_amount = np.where(whole_amount == 0, total, whole_amount)
        found.amounts[parent] = whole_amount
    found.faulty |= total > whole_amount
