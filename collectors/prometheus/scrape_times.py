"""The times that samples bring along: believed within reason, since a source's clock may be wrong or lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from warehouse import tables

AHEAD = timedelta(minutes=10)
OLD = timedelta(days=1)
"""A sample this old has been stored when it was new, or its clock is wrong."""
WORDS = {
    "ahead": "{n:,} samples are more than 10 min ahead of our clock",
    "old": "{n:,} samples are more than a day old",
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class KeptTimes:
    """The instant of each sample of a page, which samples are kept, and how many are not, by reason."""

    instants: pa.Array
    kept: npt.NDArray[np.bool_]
    kept_out: dict[str, int]

    def words(self, reason: str) -> str:
        """What was kept out and why, in a sentence."""
        return WORDS[reason].format(n=self.kept_out[reason])


def kept_times(times_s: Sequence[Decimal | None], at: datetime) -> KeptTimes:
    """Each sample's own time, or `at` where it has none. One that is kept out for its time stands at `at`."""
    seconds = Decimal((at - EPOCH) // timedelta(microseconds=1)) / 1_000_000
    latest, earliest = seconds + int(AHEAD.total_seconds()), seconds - int(OLD.total_seconds())
    now_us = int(seconds * 1_000_000)
    microseconds: list[int] = []
    kept = np.ones(len(times_s), dtype=bool)
    kept_out: dict[str, int] = {}
    for place, time in enumerate(times_s):
        if time is None:
            microseconds.append(now_us)
        elif earliest <= time <= latest:
            microseconds.append(int(time * 1_000_000))
        else:
            reason = "ahead" if time > latest else "old"
            kept_out[reason] = kept_out.get(reason, 0) + 1
            kept[place] = False
            microseconds.append(now_us)
    return KeptTimes(pa.array(microseconds, pa.int64()).cast(tables.INSTANT), kept, kept_out)
