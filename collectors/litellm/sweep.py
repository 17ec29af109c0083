"""How far a proxy's spend logs have been read, and where the next look goes on.

A log is written when its call is over, and later still when the proxy's database was away, under the time the call began. So the newest
stretch is read again and again: a little at every look, and `overlap` every ten minutes. What was stored before is stored once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pyarrow as pa

from collectors.litellm.calls import record_of_row, started_at
from collectors.litellm.rows import calls_table
from collectors.taken import Position, Taken
from roomleft.packs import Pack

SHORT = timedelta(minutes=2)
WIDE_EVERY = timedelta(minutes=10)
AHEAD = timedelta(minutes=10)
"""A proxy's clock may be ahead; what is further ahead is refused at the door, and must not move the next look there."""


@dataclass(frozen=True)
class Place:
    """Where one sweep stands: it goes from `at` to `until`; `after` is the last id read at `at`, `page` the next page there. `wide_at`: when
    the last sweep over the whole overlap began. `done`: it came to its end; `again`: all before it had been read once."""

    at: datetime
    until: datetime
    wide_at: datetime
    after: str = ""
    page: int = 1
    done: bool = False
    again: bool = False

    def text(self) -> str:
        """As a cursor's position."""
        return orjson.dumps(self).decode()


def place_of(position: Position | None, now: datetime, *, back_fill: timedelta, overlap: timedelta) -> Place:
    """Where to go on: in the middle of a sweep that has more, else at the beginning of a new one."""
    place = _parsed(position)
    if position is None or place is None:
        return Place(now - back_fill, now + AHEAD, now)
    if not place.done:
        # Where pages are counted the range they are counted in stays.
        return place if place.page > 1 else replace(place, until=max(place.until, now + AHEAD))
    if position.newest_at is None:  # nothing was found yet: what comes may be of any time
        return Place(now - back_fill, now + AHEAD, now)
    wide = now - place.wide_at >= WIDE_EVERY
    newest = min(position.newest_at, now)
    return Place(newest - (overlap if wide else SHORT), now + AHEAD, now if wide else place.wide_at, again=True)


def _parsed(position: Position | None) -> Place | None:
    try:
        said = orjson.loads(position.text) if position else {}
        at, until, wide_at = (datetime.fromisoformat(said[name]).astimezone(UTC) for name in ("at", "until", "wide_at"))
        return Place(at, until, wide_at, str(said["after"]), int(said["page"]), bool(said["done"]), bool(said["again"]))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None


def taken_of(
    rows: Sequence[Mapping[str, Any]],
    place: Place,
    position: Position | None,
    *,
    pack: Pack,
    source: str,
    now: datetime,
    more: bool,
    refused: pa.Table | None = None,
) -> Taken:
    """What a look gives: the rows as usage, and `place` as how far it came. `refused`: what the look itself has to say."""
    judged = calls_table(
        rows,
        source=source,
        platform=pack.slug,
        known_platforms=(pack.slug,),
        now=now,
        packs={pack.slug: pack},
        read=record_of_row,
    )
    times = [at for row in rows if (at := started_at(row)) is not None and at <= now + AHEAD]
    before = (position.newest_at, position.oldest_at) if position else (None, None)
    newest = max([*times, *(at for at in before[:1] if at)], default=None)
    oldest = min([*times, *(at for at in before[1:] if at)], default=None)
    # Reading again what was read before does not put the source behind.
    caught_up = not more or (place.again and before[0] is not None and place.at <= before[0])
    return Taken(
        usage=judged.rows,
        rejected=judged.rejected if refused is None else pa.concat_tables([judged.rejected, refused]),
        position=Position(replace(place, done=not more).text(), newest if caught_up else place.at, oldest, newest, caught_up),
        more=more,
    )


def next_page(place: Place, times: Sequence[datetime]) -> Place:
    """Where a full page leads: to the second of its last call, or to the next page where that is the second it began in or the server
    gives the newest first, as older ones do."""
    last = times[-1].replace(microsecond=0)
    if times[0] > times[-1] or last <= place.at:
        return replace(place, page=place.page + 1)
    return replace(place, at=last, page=1)
