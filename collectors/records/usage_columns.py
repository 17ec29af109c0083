"""Usage records a column at a time: parsing, checking and splitting with no Python per record.

`read_columns` gives up (None) on bytes it is not sure of; `doubtful_rows` marks records that need a closer look. Both leave the verdict, and
its words, to `usage_strict`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from collectors.records import fields
from collectors.records.instants import INSTANT, instants
from collectors.records.lines import table_of
from collectors.records.usage_fields import COUNTS, FIELDS, INSTANTS, MONEY, NUMBER_MAPS, NUMBERS, TEXT_MAPS, TEXTS, WORDS
from warehouse import tables

TEXT_MAP = pa.map_(pa.string(), pa.string())
NUMBER_MAP = pa.map_(pa.string(), pa.float64())
READ = pa.schema(
    [(name, pa.string()) for name in ("id", *INSTANTS, *TEXTS, *WORDS, *MONEY)]
    + [(name, pa.int64()) for name in COUNTS]
    + [(name, pa.float64()) for name in NUMBERS]
)
CLEAN: dict[str, pa.DataType] = {
    **{field.name: field.type for field in READ},
    **dict.fromkeys(INSTANTS, INSTANT),
    **dict.fromkeys(TEXT_MAPS, TEXT_MAP),
    **dict.fromkeys(NUMBER_MAPS, NUMBER_MAP),
}
LOOKED_AT = 50
MONEY_TEXT = r"^\d{1,9}(\.\d{1,9})?$"

Columns = dict[str, pa.Array]


def read_columns(data: bytes, lines: int) -> pa.Table | None:
    """NDJSON as a table of `READ`'s columns plus whatever else was sent, or None when anything about it is unusual."""
    first = _schema_of_first(data)
    table = table_of(data, lines, first)
    if table is None or any(name in READ.names and name not in first.names for name in table.column_names):
        # Later records have fields that the first has not: their types must not be guessed.
        table = table_of(data, lines, READ)
    if table is None:
        return None
    for field in READ:
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(lines, field.type))
    return table


def _schema_of_first(data: bytes) -> pa.Schema:
    """The first records' fields in their order: parsing to these takes two thirds of the time that parsing to all of `READ` takes."""
    names: dict[str, None] = {}
    for line in data.split(b"\n", LOOKED_AT)[:LOOKED_AT]:
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            return READ
        if not isinstance(record, dict):
            return READ
        names.update(dict.fromkeys(name for name in record if name in READ.names))
    return pa.schema([READ.field(name) for name in names])


def clean_columns(
    table: pa.Table, *, platform: str | None, known_platforms: Collection[str], now: datetime
) -> tuple[Columns, np.ndarray] | None:
    """(columns of `CLEAN`'s types, a mask of doubtful rows); None when a whole column could not be read."""
    columns = {name: _one(table.column(name)) for name in table.column_names}
    doubtful = np.zeros(table.num_rows, dtype=bool)
    for name in columns.keys() - set(FIELDS):
        doubtful |= np.asarray(pc.is_valid(columns[name]))
    try:
        for name in ("id", *TEXTS, *WORDS):
            columns[name] = _texts(columns[name], doubtful)
        doubtful |= ~np.asarray(pc.is_valid(columns["id"]))
        for name in INSTANTS:
            columns[name], bad = instants(columns[name], now, required=name == "occurred_at")
            doubtful |= bad
        for name in (*TEXT_MAPS, *NUMBER_MAPS):
            columns[name] = _map(columns.get(name), CLEAN[name], table.num_rows, doubtful)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    _check_words(columns, doubtful, platform, known_platforms)
    _check_numbers(columns, doubtful)
    return {name: columns[name] for name in CLEAN}, doubtful


def columns_of(records: Sequence[Mapping[str, object]]) -> Columns:
    """Cleaned records (from `usage_strict.clean`) as columns."""
    return {name: pa.array([record[name] for record in records], kind) for name, kind in CLEAN.items()}


def usage_from(columns: Columns, source: str) -> pa.Table:
    """Clean columns as the warehouse's usage: tokens in disjoint buckets, units in their stored types."""
    known = dict(columns)
    known["event_id"] = columns["id"]
    known["source"] = pa.repeat(pa.scalar(source, pa.string()), len(columns["id"]))
    cached = pc.add(columns["cache_read_tokens"], columns["cache_write_tokens"])
    known["input_uncached_tokens"] = pc.subtract(columns["input_tokens"], cached)
    known["audio_seconds"] = pc.fill_null(columns["audio_seconds"], 0.0)
    return pa.table([known[field.name].cast(field.type) for field in tables.USAGE], schema=tables.USAGE)


def _one(column: pa.ChunkedArray) -> pa.Array:
    return (
        column.chunk(0)
        if column.num_chunks == 1
        else pa.concat_arrays(column.chunks)
        if column.num_chunks
        else pa.array([], column.type)
    )


def _texts(column: pa.Array, doubtful: np.ndarray) -> pa.Array:
    """Empty texts become null; over-long ones are doubtful."""
    if column.null_count == len(column):
        return column
    lengths = pc.min_max(pc.binary_length(column))
    if lengths["max"].as_py() > fields.TEXT_LIMIT:
        doubtful |= np.asarray(pc.fill_null(pc.greater(pc.utf8_length(column), fields.TEXT_LIMIT), False))
    if lengths["min"].as_py() == 0:
        column = pc.if_else(pc.equal(column, ""), None, column)
    return column


def _check_words(columns: Columns, doubtful: np.ndarray, platform: str | None, known_platforms: Collection[str]) -> None:
    columns["status"] = pc.fill_null(columns["status"], "ok")
    doubtful |= ~_is_in(columns["status"], fields.STATUSES)
    doubtful |= ~(_is_in(columns["urgency"], fields.URGENCIES) | ~np.asarray(pc.is_valid(columns["urgency"])))
    if platform is not None:
        columns["platform"] = pc.fill_null(columns["platform"], platform)
        known_platforms = {platform} & set(known_platforms)
    doubtful |= ~_is_in(columns["platform"], known_platforms)
    amounts = columns["reported_cost_usd"]
    if amounts.null_count < len(amounts):
        plain = pc.fill_null(pc.match_substring_regex(amounts, MONEY_TEXT), True)
        doubtful |= ~np.asarray(plain)


def _check_numbers(columns: Columns, doubtful: np.ndarray) -> None:
    counts = {}
    for name in COUNTS:
        columns[name] = pc.fill_null(columns[name], 1 if name == "requests" else 0)
        counts[name] = values = np.asarray(columns[name])
        doubtful |= (values < 0) | (values > fields.COUNT_LIMIT)
    doubtful |= counts["cache_read_tokens"] + counts["cache_write_tokens"] > counts["input_tokens"]
    doubtful |= counts["reasoning_tokens"] > counts["output_tokens"]
    ends = columns["period_end"]
    doubtful |= (counts["requests"] != 1) & ~np.asarray(pc.is_valid(ends))
    if ends.null_count < len(ends):
        doubtful |= np.asarray(pc.fill_null(pc.less_equal(ends, columns["occurred_at"]), False))
    for name in NUMBERS:
        if columns[name].null_count == len(columns[name]):
            continue
        values = np.asarray(pc.fill_null(columns[name], 0.0))
        most = fields.MOST.get(name, np.finfo(float).max)
        # Written so that NaN, for which every comparison is false, is doubtful too.
        doubtful |= ~((values >= 0) & (values <= most))


def _is_in(column: pa.Array, words: Collection[str]) -> np.ndarray:
    return np.asarray(pc.is_in(column, value_set=pa.array(sorted(words), pa.string())))


def _map(column: pa.Array | None, kind: pa.MapType, rows: int, doubtful: np.ndarray) -> pa.Array:
    """A column of JSON objects (a struct, to Arrow) as a column of maps; objects with unusual values are doubtful."""
    if column is None or column.null_count == rows:
        return pa.nulls(rows, kind)
    present = np.asarray(pc.is_valid(column))
    if not pa.types.is_struct(column.type) or column.type.num_fields > fields.MAP_LIMIT:
        doubtful |= present
        return pa.nulls(rows, kind)
    names = sorted(field.name for field in column.type)
    children = []
    for name in names:
        child = column.field(name)
        valid = np.asarray(pc.is_valid(child))
        if pa.types.is_null(child.type):
            child = pa.nulls(rows, kind.item_type)
        elif kind.item_type == pa.string():
            if child.type != pa.string() or len(name) > fields.TEXT_LIMIT:
                doubtful |= valid
                child = pa.nulls(rows, kind.item_type)
            else:
                doubtful |= np.asarray(pc.fill_null(pc.greater(pc.utf8_length(child), fields.TEXT_LIMIT), False))
        elif child.type in (pa.int64(), pa.float64()):
            child = child.cast(pa.float64(), safe=False)
            values = np.asarray(pc.fill_null(child, 0.0))
            doubtful |= ~((values >= 0) & (values <= np.finfo(float).max))
        else:
            doubtful |= valid
            child = pa.nulls(rows, kind.item_type)
        children.append(child)
    return _interleave(names, children, kind, rows)


def _interleave(names: list[str], children: list[pa.Array], kind: pa.MapType, rows: int) -> pa.Array:
    if not names:
        return pa.nulls(rows, kind)
    width = len(names)
    order = np.arange(rows * width).reshape(width, rows).T.ravel()
    values = pa.concat_arrays(children).take(pa.array(order))
    valid = np.asarray(pc.is_valid(values))
    keys = pa.array(names, pa.string()).take(pa.array(np.tile(np.arange(width), rows)[valid]))
    sizes = valid.reshape(rows, width).sum(axis=1)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    # An empty map and an absent one are the same: null.
    marks = pa.array(offsets, pa.int32(), mask=np.append(sizes == 0, False))
    return pa.MapArray.from_arrays(marks, keys, values.filter(pa.array(valid)), type=kind)
