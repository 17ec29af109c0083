"""Instants as int64 microseconds since 1970, and seeded random streams."""

from __future__ import annotations

import zlib
from datetime import UTC, date, datetime, timedelta

import numpy as np

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Ints = np.ndarray[tuple[int], np.dtype[np.int64]]
Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Grid = np.ndarray[tuple[int, int], np.dtype[np.float64]]


def to_us(instant: datetime) -> int:
    """An aware instant in microseconds since 1970."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no offset")
    return (instant - EPOCH) // timedelta(microseconds=1)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH.date()).days


def text_of(us: Ints) -> list[str]:
    """RFC 3339 texts in UTC with milliseconds."""
    return [t + "Z" for t in np.datetime_as_string(us.astype("datetime64[us]").astype("datetime64[ms]")).tolist()]


def text_of_one(us: int) -> str:
    """One instant as RFC 3339 text."""
    return text_of(np.array([us], dtype=np.int64))[0]


def stream(seed: int, name: str, *keys: int) -> np.random.Generator:
    """The random stream of a name and its keys (not negative): the same arguments always give the same numbers."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), *keys])
