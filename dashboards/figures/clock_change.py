"""Where bars stand on an axis that is a wall clock's: where the clock goes back, it calls two buckets alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

APART = timedelta(seconds=30)
"""Between the times of two bars that the clock calls alike: bars at one time are stacked, and so are those that lie closer than the ten thousandth part
of the axis, of at most three days."""


class Slot(NamedTuple):
    """A bar's place: the wall clock's time it is called by, to the minute, how far from it the bar begins, and how wide it is, in milliseconds."""

    x: str
    offset_ms: float
    width_ms: float


def bar_slots(edges: Sequence[datetime], lengths_s: Sequence[float], zone: ZoneInfo) -> list[Slot]:
    """Where the bars of buckets stand that begin at `edges` and last `lengths_s` seconds. Those that the clock calls alike share their place side by
    side; where it goes back by less than a bucket, a bar ends where the next begins."""
    walls = [edge.astimezone(zone).replace(tzinfo=None) for edge in edges]
    many = Counter(walls)
    after = dict(pairwise(sorted(many)))
    placed: Counter[datetime] = Counter()
    found = []
    for wall, length_s in zip(walls, lengths_s, strict=True):
        room_s = min(length_s, (after[wall] - wall).total_seconds()) if wall in after else length_s
        place, share_ms = placed[wall], room_s * 1000 / many[wall]
        placed[wall] += 1
        x = wall + place * APART
        found.append(Slot(x.isoformat(timespec="seconds"), share_ms * place - place * APART.total_seconds() * 1000, share_ms))
    return found
