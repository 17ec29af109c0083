"""The hours a batch lies in, so that only those are read."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

QUARTER_US = 900_000_000
HOUR_US = 3_600_000_000
MOST_SPANS = 16
"""How many separate reads one commit may cost. A batch scattered wider is read in this many stretches, split at its widest gaps."""


def contiguous(times_us: npt.NDArray[np.int64], most: int = MOST_SPANS) -> list[tuple[int, int]]:
    """Stretches [low, high) in microseconds that hold every time of `times_us`, apart from each other by an empty hour or more.

    One late event must not make its whole batch read every hour between: 3 066 ms against 74 ms over 20 M rows.
    """
    if not len(times_us):
        return []
    times = np.unique(times_us)
    gaps = np.diff(times)
    wide = np.flatnonzero(gaps > HOUR_US)
    if len(wide) > most - 1:
        wide = np.sort(wide[np.argsort(gaps[wide])[::-1][: most - 1]])
    starts = times[np.concatenate([[0], wide + 1])]
    ends = times[np.concatenate([wide, [len(times) - 1]])]
    return [(int(low), int(high) + 1) for low, high in zip(starts, ends, strict=True)]


def literal(time_us: int) -> str:
    """An instant as SQL text: only a literal bound lets the engine skip row groups while planning."""
    seconds, micros = divmod(time_us, 1_000_000)
    return f"TIMESTAMPTZ '{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{micros:06d}+00'"
