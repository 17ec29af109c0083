"""Usage records into the warehouse's usage rows: the one door for platforms, pushes and imports.

A batch goes through whole columns first; only the records that look unusual are judged one by one, by `usage_strict`. One bad record never
costs the others: it is returned in `rejected` with its line, field and reason.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from collectors.platform_api.page_records import Records
from collectors.records.fields import Refusal
from collectors.records.json_array import is_array, read_array
from collectors.records.refused import Normalised, RefusedRows
from collectors.records.usage_columns import clean_columns, columns_of, read_columns, usage_from
from collectors.records.usage_fields import NAMED
from collectors.records.usage_strict import clean

Originals = Sequence[object]
SPLIT_FROM = 512
PIECES = 8


def usage_table(
    records: Sequence[Mapping[str, object]] | bytes,
    *,
    source: str,
    platform: str | None,
    known_platforms: Collection[str],
    now: datetime,
) -> Normalised:
    """Usage records (a sequence, NDJSON bytes, or a JSON array in bytes) as `tables.USAGE` and `tables.REJECTED`.

    `platform` is the platform all records are of, or None when each names its own. Records keep their order, except that those needing a
    closer look come last. `line` in `rejected` is the 1-based line (or place in the array). Raises InputError only when the body as a whole
    is unreadable (a broken JSON array).
    """
    batch = _Batch(source, platform, known_platforms, now)
    if not (isinstance(records, Records) and records.lines is not None and batch.judge_columns(records, records.lines, 0)):
        originals, data = _lines(records) if isinstance(records, bytes) else (records, _dumped(records))
        batch.judge(originals, data, 0)
    # Worked out once: a look at the whole body for each refused row makes a body of nothing else quadratic.
    lines = _line_numbers(records, 1 + max((place for _, place, _ in batch.refusals), default=-1))
    for refusal, place, record in batch.refusals:
        batch.refused.add(refusal, lines[place], record)
    rows = [usage_from(columns_of(batch.closer), source)] if batch.closer or not batch.parts else []
    return Normalised(pa.concat_tables(batch.parts + rows), batch.refused.table())


class _Batch:
    """What became of the records of one call: whole tables, records that took a closer look, refusals with their place."""

    def __init__(self, source: str, platform: str | None, known_platforms: Collection[str], now: datetime) -> None:
        self.source = source
        self.judged_by: dict[str, Any] = {"platform": platform, "known_platforms": known_platforms, "now": now}
        self.refused = RefusedRows(source, "usage", now, NAMED)
        self.parts: list[pa.Table] = []
        self.closer: list[dict[str, object]] = []
        self.refusals: list[tuple[Refusal, int, object]] = []

    def judge(self, originals: Originals, data: bytes | None, first: int) -> None:
        """Records that begin at place `first`; `data` is their NDJSON, None when they cannot be written as JSON without loss."""
        if not originals or (data is not None and self.judge_columns(originals, data, first)):
            return
        if len(originals) >= SPLIT_FROM:
            # Something in here stopped the column reader: look for it in smaller pieces, so that its neighbours stay fast.
            step = -(-len(originals) // PIECES)
            for start in range(0, len(originals), step):
                piece = originals[start : start + step]
                self.judge(piece, _joined(piece), first + start)
        else:
            self._one_by_one(originals, range(len(originals)), first)

    def judge_columns(self, originals: Originals, data: bytes, first: int) -> bool:
        """Whole columns at once; False, and nothing done, when something in `data` stops that."""
        read = read_columns(data, len(originals))
        cleaned = None if read is None else clean_columns(read, **self.judged_by)
        if cleaned is None:
            return False
        columns, mask = cleaned
        keep = pa.array(~mask)
        self.parts.append(
            usage_from({name: column.filter(keep) for name, column in columns.items()} if mask.any() else columns, self.source)
        )
        self._one_by_one(originals, np.flatnonzero(mask).tolist(), first)
        return True

    def _one_by_one(self, originals: Originals, places: Sequence[int], first: int) -> None:
        for place in places:
            record: object = None
            try:
                record = _parsed(originals[place])
                self.closer.append(clean(record, **self.judged_by))
            except Refusal as refusal:
                self.refusals.append((refusal, first + place, record))


def _lines(data: bytes) -> tuple[Originals, bytes | None]:
    """The records of a body, unparsed where possible, and the NDJSON that holds exactly them."""
    if is_array(data):
        array = read_array(data)
        return array, _dumped(array)
    return [line for line in data.split(b"\n") if line.strip()], data


def _line_numbers(records: object, count: int) -> Sequence[int]:
    """The 1-based line of each of `count` records (blank lines count), or its 1-based place in a sequence."""
    if not isinstance(records, bytes) or is_array(records) or (b"\n\n" not in records and not records.startswith(b"\n")):
        return range(1, count + 1)
    return [number for number, line in enumerate(records.split(b"\n"), start=1) if line.strip()]


def _dumped(records: Sequence[object]) -> bytes | None:
    """Records as NDJSON for the column reader; None when that would lose something (NaN becomes null in JSON)."""
    for record in records:
        if not isinstance(record, Mapping):
            return None
        for value in record.values():
            if value.__class__ is float and not math.isfinite(value):
                return None
    try:
        return b"\n".join([orjson.dumps(record) for record in records])
    except (TypeError, orjson.JSONEncodeError):
        return None


def _joined(piece: Originals) -> bytes | None:
    lines = [line for line in piece if isinstance(line, bytes)]
    return b"\n".join(lines) if len(lines) == len(piece) else _dumped(piece)


def _parsed(original: object) -> object:
    if not isinstance(original, bytes):
        return original
    try:
        return orjson.loads(original)
    except orjson.JSONDecodeError as error:
        raise Refusal(None, f"the line is not JSON: {error}") from None
