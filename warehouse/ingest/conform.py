"""Rows brought to the exact shape of their table before they are queued, so that a wrong batch fails alone, at the door."""

from __future__ import annotations

from difflib import get_close_matches

import pyarrow as pa
import pyarrow.compute as pc

from roomleft.errors import InputError

FINITE = ("latency_ms", "first_token_ms", "complexity", "cost_hint")


def conform(rows: pa.Table, schema: pa.Schema, what: str) -> pa.Table:
    """`rows` with exactly the columns of `schema`, in its order, one chunk each; a nullable column left out is NULL.

    Raises InputError naming `what` and the column: unknown, missing, of a type that does not fit, or NULL where a value must be.
    """
    for name in rows.column_names:
        if name not in schema.names:
            near = get_close_matches(name, schema.names, 1)
            raise InputError(
                f"column {name!r} is unknown",
                what,
                f"did you mean {near[0]!r}?" if near else f"columns: {', '.join(schema.names)}",
            )
    return pa.table([_column(rows, field, what) for field in schema], schema=schema)


def _column(rows: pa.Table, field: pa.Field, what: str) -> pa.Array:
    if field.name not in rows.column_names:
        if not field.nullable:
            raise InputError(f"column {field.name!r} is missing", what)
        return pa.nulls(rows.num_rows, field.type)
    column = rows.column(field.name)
    if pa.types.is_timestamp(field.type) and pa.types.is_timestamp(column.type) and column.type.tz is None:
        raise InputError(f"column {field.name!r} holds times without a zone", what, "give it the time zone UTC")
    if not field.nullable and column.null_count:
        line = pc.index(column.is_null(), True).as_py()
        raise InputError(f"column {field.name!r} is empty in row {line + 1}", what)
    if column.type != field.type:
        try:
            column = column.cast(field.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise InputError(f"column {field.name!r} does not fit {field.type}: {error}", what) from error
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def refuse_endless(usage: pa.Table) -> None:
    """NaN and ±Inf are legal readings and illegal usage. Raises InputError naming the column and row."""
    for name in FINITE:
        endless = pc.invert(pc.is_finite(usage.column(name)))
        if pc.any(endless).as_py():
            row = pc.index(endless.fill_null(False), True).as_py()
            raise InputError(
                f"column {name!r} is not a finite number in row {row + 1}", "usage", "leave it empty where it is not known"
            )
