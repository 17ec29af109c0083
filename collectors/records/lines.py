"""NDJSON as an Arrow table, for records whose fields are known; what is unusual is left to readers that look at each record."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.json

ESCAPED_NUL = b"\\u0000"


def table_of(data: bytes, lines: int, schema: pa.Schema) -> pa.Table | None:
    """`lines` records as a table of `schema`'s columns plus whatever else they hold, one chunk each; None when anything is unusual.

    A text that is no UTF-8 or holds a NUL, a line that is not an object, a value of another type: all that is unusual.
    """
    # Arrow's reader ends the whole process at a line that is only `null`, so it is given lines that begin as objects and no others.
    if ESCAPED_NUL in data or data.startswith(b"{") + data.count(b"\n{") != lines:
        return None
    try:
        str(data, "utf-8")
        table = pyarrow.json.read_json(
            io.BytesIO(data),
            # One block: a record then never straddles two, and on a busy machine it is also the fastest.
            read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(data) + 1),
            parse_options=pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="infer"),
        )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError):
        return None
    return table.combine_chunks() if table.num_rows == lines else None
