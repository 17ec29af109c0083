"""Sample records (one reading each) into the warehouse's samples, by whole columns where nothing is unusual."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from collectors.platform_api.page_records import Records
from collectors.records import fields
from collectors.records.fields import Refusal
from collectors.records.instants import instants
from collectors.records.json_array import is_array, read_array
from collectors.records.lines import table_of
from collectors.records.refused import Normalised, RefusedRows
from warehouse import tables

FIELDS = ("platform", "component", "name", "labels", "observed_at", "value")
NAMED = frozenset({"platform", "component", "name", "observed_at"})
READ = pa.schema([("component", pa.string()), ("name", pa.string()), ("observed_at", pa.string()), ("value", pa.float64())])
MOST_CODES = 2**40
SPECIAL = {"NaN": math.nan, "+Inf": math.inf, "Inf": math.inf, "-Inf": -math.inf}
"""Readings JSON has no number for. They are legal samples; null marks the end of a series."""


def samples_table(
    records: Sequence[Mapping[str, object]] | bytes,
    *,
    source: str,
    platform: str | None,
    known_platforms: Collection[str],
    now: datetime,
) -> Normalised:
    """Sample records (a sequence, or NDJSON bytes) as `tables.SAMPLES` and `tables.REJECTED`; order is kept."""
    refused = RefusedRows(source, "samples", now, NAMED)
    if isinstance(records, Records) and (quick := _by_lines(records, platform, known_platforms, now)) is not None:
        return Normalised(quick, refused.table())
    places = list(records) if not isinstance(records, bytes) else _parsed(records, refused)
    table = _by_columns(places, platform, known_platforms, now)
    if table is None:
        rows = []
        for line, record in enumerate(places, start=1):
            if record is UNREADABLE:
                continue
            try:
                rows.append(clean(record, platform=platform, known_platforms=known_platforms, now=now))
            except Refusal as refusal:
                refused.add(refusal, line, record)
        table = pa.table({name: [row[name] for row in rows] for name in tables.SAMPLES.names}, schema=tables.SAMPLES)
    return Normalised(table, refused.table())


def clean(record: object, *, platform: str | None, known_platforms: Collection[str], now: datetime) -> dict[str, object]:
    """One sample's values, typed. Raises Refusal."""
    if not isinstance(record, Mapping):
        raise Refusal(None, f"a sample is a JSON object, not {fields.shown(record)}")
    fields.check_keys(record, FIELDS, "; anything else belongs in labels")
    if "value" not in record:
        raise Refusal("value", "is required (null marks the end of a series)")
    return {
        "platform": fields.platform(record, platform, known_platforms),
        "component": fields.text(record, "component", required=True),
        "name": fields.text(record, "name", required=True),
        "observed_at": fields.instant(record, "observed_at", now),
        "labels": fields.text_map(record, "labels") or [],
        "value": _value(record["value"]),
    }


def _value(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, str) and value in SPECIAL:
        return SPECIAL[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal("value", f'must be a number, "NaN", "+Inf", "-Inf" or null, not {fields.shown(value)}')
    try:
        return float(value)
    except OverflowError:
        raise Refusal("value", "is absurdly large") from None


def _by_lines(records: Records, platform: str | None, known_platforms: Collection[str], now: datetime) -> pa.Table | None:
    """All records at once and never one by one, or None when any of them needs a closer look."""
    found = None if records.lines is None else table_of(records.lines, len(records), READ)
    if found is None or not set(found.column_names) <= set(FIELDS) or platform not in known_platforms:
        return None
    try:
        texts = {name: found.column(name).combine_chunks() for name in ("component", "name", "observed_at", "value")}
        at, doubtful = instants(texts["observed_at"], now, required=True)
        # An end of a series (null) cannot be told from a value that was left out.
        if doubtful.any() or texts["value"].null_count or "platform" in found.column_names:
            return None
        names = [_checked(texts[name]) for name in ("component", "name")]
        labels = _maps(found.column("labels").combine_chunks() if "labels" in found.column_names else None, found.num_rows)
    except (ValueError, Refusal, pa.ArrowInvalid):
        return None
    repeated = pa.repeat(pa.scalar(platform, pa.string()), found.num_rows)
    return pa.table([repeated, *names, at, labels, texts["value"]], schema=tables.SAMPLES)


def _maps(column: pa.Array | None, rows: int) -> pa.Array:
    """Labels (a struct, to Arrow) as maps, each distinct one judged once."""
    kind = tables.SAMPLES.field("labels").type
    if column is None or pa.types.is_null(column.type):
        return pa.array([[]], kind).take(pa.array(np.zeros(rows, dtype=np.int64)))
    if not pa.types.is_struct(column.type):
        raise ValueError("labels are no map")
    code = np.zeros(rows, dtype=np.int64)
    codes = 1
    for number in range(column.type.num_fields):
        words = column.field(number).dictionary_encode(null_encoding="encode")
        kinds = len(words.dictionary) + 1
        if codes * kinds > MOST_CODES:
            # Numbered anew, so that the numbers stay small.
            numbered = pa.array(code).dictionary_encode()
            code, codes = numbered.indices.to_numpy().astype(np.int64), len(numbered.dictionary)
        code = code * kinds + words.indices.to_numpy(zero_copy_only=False)
        codes *= kinds
    which = pa.array(code).dictionary_encode().indices.to_numpy()
    first = np.empty(int(which.max(initial=-1)) + 1, dtype=np.int64)
    # Backwards, so that of several rows the first is what stays.
    first[which[::-1]] = np.arange(rows)[::-1]
    distinct = [fields.text_map({"labels": value}, "labels") or [] for value in column.take(pa.array(first)).to_pylist()]
    return pa.array(distinct, kind).take(pa.array(which))


def _by_columns(
    records: Sequence[object], platform: str | None, known_platforms: Collection[str], now: datetime
) -> pa.Table | None:
    """All records at once, or None when any of them needs a closer look."""
    known = set(FIELDS)
    try:
        if not all("value" in record and record.keys() <= known for record in records):  # type: ignore[attr-defined, operator]
            return None
        columns = {name: [record.get(name) for record in records] for name in FIELDS}  # type: ignore[attr-defined]
        values = columns["value"]
        if any(value.__class__ is bool for value in values):
            return None
        values = [SPECIAL[value] if value.__class__ is str else value for value in values]
        at, doubtful = instants(pa.array(columns["observed_at"], pa.string()), now, required=True)
        if doubtful.any() or not all(p == platform or p is None for p in columns["platform"]) or platform not in known_platforms:
            return None
        names = [_name(columns[name]) for name in ("component", "name")]
        return pa.table(
            [
                pa.repeat(pa.scalar(platform, pa.string()), len(records)),
                *names,
                at,
                _labels(columns["labels"]),
                pa.array(values, pa.float64()),
            ],
            schema=tables.SAMPLES,
        )
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError, Refusal, pa.ArrowInvalid):
        return None


def _name(values: list[object]) -> pa.Array:
    return _checked(pa.array(values, pa.string()))


def _checked(column: pa.Array) -> pa.Array:
    lengths = np.asarray(pc.fill_null(pc.binary_length(column), 0))
    if len(lengths) and not (lengths.min() >= 1 and lengths.max() <= fields.TEXT_LIMIT):
        raise ValueError("a name is missing or too long")
    if pc.any(pc.match_substring(column, fields.NUL)).as_py():
        raise ValueError("a name holds a NUL character")
    return column


def _labels(values: list[object]) -> pa.Array:
    """Maps, each distinct one judged once: series repeat, so a page holds few."""
    seen: dict[bytes, int] = {}
    distinct: list[list[tuple[str, str]]] = []
    indices = []
    for value in values:
        key = orjson.dumps(value) if value else b""
        index = seen.get(key)
        if index is None:
            index = seen[key] = len(distinct)
            distinct.append(fields.text_map({"labels": value}, "labels") or [])
        indices.append(index)
    return pa.array(distinct, tables.SAMPLES.field("labels").type).take(pa.array(indices, pa.int64()))


UNREADABLE = object()


def _parsed(data: bytes, refused: RefusedRows) -> list[object]:
    """A body's records in their places; lines that are not JSON are refused here and marked."""
    if is_array(data):
        return read_array(data)
    records: list[object] = []
    for line, text in enumerate(data.split(b"\n"), start=1):
        try:
            records.append(orjson.loads(text) if text.strip() else UNREADABLE)
        except orjson.JSONDecodeError as error:
            refused.add(Refusal(None, f"the line is not JSON: {error}"), line)
            records.append(UNREADABLE)
    while records and records[-1] is UNREADABLE:
        records.pop()
    return records
