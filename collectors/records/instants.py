"""Whole columns of RFC 3339 text as instants."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from collectors.records.fields import EARLIEST, FUTURE_ALLOWED

INSTANT = pa.timestamp("us", tz="UTC")
PLAIN = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$"
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def instants(texts: pa.Array, now: datetime, *, required: bool) -> tuple[pa.Array, np.ndarray]:
    """(instants, doubtful): doubtful rows are those whose text is not plain RFC 3339 with a zone, or out of bounds.

    Raises pa.ArrowInvalid when a text looks plain but is no time (a 13th month).
    """
    plain = pc.fill_null(pc.match_substring_regex(texts, PLAIN), False)
    at = pc.if_else(plain, texts, None).cast(INSTANT)
    micros = np.asarray(pc.fill_null(at.cast(pa.int64()), 0))
    low, high = (_micros(bound) for bound in (EARLIEST, now + FUTURE_ALLOWED))
    is_plain = np.asarray(plain)
    doubtful = ~is_plain | (micros < low) | (micros > high)
    if not required:
        doubtful &= np.asarray(pc.is_valid(texts))
    return at, doubtful


def _micros(at: datetime) -> int:
    return round((at - EPOCH).total_seconds() * 1_000_000)
