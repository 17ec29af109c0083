"""Records as JSON, a column at a time: every piece of text is made by Arrow for all records at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from collectors.standin.instants import Floats, Ints

Text = Any
"""A column of text (pa.StringArray), or one text that is the same for all."""
NOTHING = pa.array([], pa.string())


def numbers(values: Ints, width: int = 0) -> pa.Array:
    """Whole numbers as text, filled up with zeros to `width` places."""
    text = pa.array(values, pa.int64()).cast(pa.string())
    return pc.utf8_lpad(text, width, "0") if width else text


def fractions(values: Floats, places: int) -> pa.Array:
    """Numbers that are not negative with exactly `places` decimal places."""
    parts = np.rint(values * 10**places).astype(np.int64)
    return joined(numbers(parts // 10**places), ".", numbers(parts % 10**places, places))


def readings(values: Floats) -> pa.Array:
    """Readings on the wire: whole numbers without a fraction, non-finite ones as the contract's strings."""
    finite = np.isfinite(values)
    whole = finite & (np.abs(values) < 2**53)
    whole[whole] = values[whole] == np.floor(values[whole])
    text = pa.array(values, pa.float64()).cast(pa.string())
    if whole.any():
        text = pc.if_else(pa.array(whole), numbers(np.where(whole, values, 0).astype(np.int64)), text)
    if not finite.all():
        words = np.where(np.isnan(values), '"NaN"', np.where(values > 0, '"+Inf"', '"-Inf"')).tolist()
        text = pc.if_else(pa.array(finite), text, pa.array(words, pa.string()))
    return text


def instants(at_us: Ints) -> pa.Array:
    """RFC 3339 texts in UTC with milliseconds."""
    text = pa.array(at_us // 1000, pa.timestamp("ms")).cast(pa.string())  # fifteen times as fast as strftime
    return joined(pc.binary_replace_slice(text, 10, 11, "T"), "Z")


def chosen(texts: Sequence[str], which: Ints) -> pa.Array:
    """One of a few texts for each record."""
    return pa.array(list(texts), pa.string()).take(pa.array(which, pa.int64()))


def picked(records: pa.Array, rows: Ints) -> pa.Array:
    """The records of some rows, in their order. Rows that lie side by side are only pointed at, not copied."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows) and bool((np.diff(rows) == 1).all()):
        return records.slice(int(rows[0]), len(rows))
    return records.take(pa.array(rows))


def joined(*pieces: Text) -> pa.Array:
    """The pieces of each record, one after the other."""
    return pc.binary_join_element_wise(*pieces, "")


def quoted(text: str) -> str:
    """A text as JSON."""
    return json.dumps(text, ensure_ascii=False)


def listed(records: pa.Array) -> bytes:
    """Records as the inside of a JSON array."""
    if not len(records):
        return b""
    whole = pa.ListArray.from_arrays(pa.array([0, len(records)], pa.int32()), records)
    return bytes(pc.binary_join(whole, ",")[0].as_buffer())
