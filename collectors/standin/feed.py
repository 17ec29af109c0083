"""Paged streams in commit order: slots of records, cursors, pages.

A feed makes batches: the records that *happened* in a slot of time, each with its commit instant. A page is read from commit
slots, which merge the records of several batches: a late record shows up in a later slot than the one it happened in.
"""

from __future__ import annotations

import base64
import binascii
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import orjson
import pyarrow as pa

from collectors.standin.encoding import NOTHING, listed, picked
from collectors.standin.instants import Ints, text_of_one
from roomleft.errors import InputError

NO_TIMES: Ints = np.empty(0, dtype=np.int64)
FOREVER = 2**62
KEPT_SLOTS = 4
KEPT_BATCHES = 26
MOST_RECORDS = 40_000
"""How many records a cache holds beside those that the next page surely needs."""


class CursorUnknown(InputError):
    """A cursor that this stream never handed out, or has forgotten (HTTP 410)."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records with the instants they carry and the instants they were committed, as encoded JSON objects."""

    at_us: Ints
    commit_us: Ints
    records: pa.Array  # of strings


EMPTY = Batch(NO_TIMES, NO_TIMES, NOTHING)


class Feed(Protocol):
    """One stream of a platform."""

    name: str
    slot_us: int
    lookback: int  # how many earlier slots may hold records that are committed in a slot

    def batches(self, first: int, end: int) -> list[Batch]:
        """What happened in each slot of [first, end); slot s is [s, s + 1) x slot_us."""

    def together(self, slot: int) -> int:
        """How many slots from here are worth making at once: most of what a small slot costs does not depend on its records."""

    def version(self, slot: int) -> object:
        """Equal versions of a slot mean equal batches."""


@dataclass(frozen=True, slots=True)
class Range:
    """What a reader asked of a stream: records committed in [since_us, until_us), as it wrote the two."""

    since_us: int = 0
    until_us: int = FOREVER
    since: str | None = None
    until: str | None = None


ALL = Range()


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a paged route; `after` and `next` are cursors."""

    after: str | None
    next: str | None
    more: bool
    since: str | None
    until: str | None
    oldest_at: str | None
    newest_at: str | None
    parts: tuple[pa.Array, ...]

    @property
    def records(self) -> list[bytes]:
        """The records one by one."""
        return [record.encode() for part in self.parts for record in part.to_pylist()]

    def encode(self) -> bytes:
        """The JSON body."""
        head = {k: getattr(self, k) for k in ("after", "next", "more", "since", "until", "oldest_at", "newest_at")}
        return orjson.dumps(head)[:-1] + b',"records":[' + b",".join([listed(part) for part in self.parts]) + b"]}"


class Pager:
    """Reads pages of a feed from `start_us` up to what is committed now. `tag` binds cursors to this very stream."""

    def __init__(self, feed: Feed, start_us: int, tag: str) -> None:
        self.feed = feed
        self.first = start_us // feed.slot_us
        self.tag = tag
        self._batches = Cache(feed.lookback + KEPT_BATCHES, feed.lookback + 2)
        self._slots = Cache(KEPT_SLOTS, KEPT_SLOTS)
        self._oldest: str | None = None
        self._newest = self.first

    def page(
        self, after: str | None, limit: int, now_us: int, wanted: Range = ALL, *, generation: int = 0, repeat: int = 0
    ) -> Page:
        """At most `limit` records after the cursor, committed by `now_us` and before the range's end.

        Without a cursor they begin at the range's begin. `repeat` steps back so many records first.
        Raises CursorUnknown for a cursor of another stream, seed, history or generation.
        """
        newest = self._newest = now_us // self.feed.slot_us
        seen_us = min(now_us, wanted.until_us - 1)
        last = seen_us // self.feed.slot_us
        if after is None:
            slot = max(self.first, min(wanted.since_us // self.feed.slot_us, newest))
            index = int(np.searchsorted(self.slot(slot).commit_us, wanted.since_us))
        else:
            slot, index = self._position(after, generation, newest, now_us)
            index = max(0, index - min(repeat, limit // 2))  # a reader still gets on
        parts: list[pa.Array] = []
        room = limit
        while slot <= last:
            take = min(room, max(0, self._visible(slot, seen_us) - index))
            if take:
                parts.append(self.slot(slot).records.slice(index, take))
            index, room = index + take, room - take
            if not room or slot == last:
                break
            slot, index = slot + 1, 0
        following = self._cursor(slot, index, generation) if parts else after
        more = any(self._visible(s, seen_us) > (index if s == slot else 0) for s in range(slot, last + 1))
        oldest, newest_at = self._ends(newest, now_us)
        return Page(after, following, more, wanted.since, wanted.until, oldest, newest_at, tuple(parts))

    def slot(self, slot: int) -> Batch:
        """Everything committed in a slot, in commit order, future records of the running slot included."""
        sources = range(max(self.first, slot - self.feed.lookback), slot + 1)
        key = (slot, tuple(self.feed.version(s) for s in sources))
        found = self._slots.get(key)
        return found if found is not None else self._slots.put(key, self._merge(slot, sources))

    def _merge(self, slot: int, sources: range) -> Batch:
        begin, end = slot * self.feed.slot_us, (slot + 1) * self.feed.slot_us
        at, commit, records = [], [], []
        for source in sources:
            batch = self._batch(source, self._newest)
            chosen = np.flatnonzero((batch.commit_us >= begin) & (batch.commit_us < end))
            if len(chosen):
                at.append(batch.at_us[chosen])
                commit.append(batch.commit_us[chosen])
                records.append(picked(batch.records, chosen))
        if not records:
            return EMPTY
        all_at, all_commit = np.concatenate(at), np.concatenate(commit)
        order = np.argsort(all_commit, kind="stable")
        return Batch(all_at[order], all_commit[order], picked(pa.concat_arrays(records), order))

    def _batch(self, source: int, newest: int) -> Batch:
        """The batch of a slot; those that are worth making with it are made too, `newest` being the last that may be."""
        found = self._batches.get((source, self.feed.version(source)))
        if found is not None:
            return found
        end = max(source + 1, min(source + self.feed.together(source), newest + 1))
        made = self.feed.batches(source, end)
        for slot, batch in reversed(list(zip(range(source, end), made, strict=True))):  # the one that is read first is the newest
            self._batches.put((slot, self.feed.version(slot)), batch)
        return made[0]

    def _visible(self, slot: int, now_us: int) -> int:
        return int(np.searchsorted(self.slot(slot).commit_us, now_us, side="right"))

    def _ends(self, last: int, now_us: int) -> tuple[str | None, str | None]:
        for slot in range(last, self.first - 1, -1):
            if visible := self._visible(slot, now_us):
                newest = text_of_one(int(self.slot(slot).at_us[:visible].max()))
                break
        else:
            return None, None
        if self._oldest is None:  # what was first stays first
            first = next(s for s in range(self.first, last + 1) if self._visible(s, now_us))
            self._oldest = text_of_one(int(self.slot(first).at_us[0]))
        return self._oldest, newest

    def _cursor(self, slot: int, index: int, generation: int) -> str:
        return base64.urlsafe_b64encode(orjson.dumps([self.feed.name, generation, slot, index, self.tag])).decode().rstrip("=")

    def _position(self, cursor: str, generation: int, last: int, now_us: int) -> tuple[int, int]:
        try:
            parts: Any = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            slot, index = parts[2:4]
            known = parts == [self.feed.name, generation, slot, index, self.tag] and type(slot) is int and type(index) is int
        except (binascii.Error, ValueError, TypeError, KeyError, UnicodeEncodeError):
            known, slot, index = False, 0, 0
        if not known or not self.first <= slot <= last or not 0 <= index <= self._visible(slot, now_us):
            raise CursorUnknown("unknown cursor", f"{self.feed.name}?after=", "begin again without after; records keep their ids")
        return slot, index


class Cache:
    """The batches used last: at most `most`, and beyond the `least` of them only while they hold few records together."""

    def __init__(self, most: int, least: int) -> None:
        self.most, self.least = most, least
        self._kept: OrderedDict[tuple[int, object], Batch] = OrderedDict()
        self._records = 0

    def get(self, key: tuple[int, object]) -> Batch | None:
        """A batch that is still here."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: tuple[int, object], batch: Batch) -> Batch:
        """Keep a batch, and let go what was not used for longest."""
        self._records += len(batch.records) - len(self._kept[key].records if key in self._kept else ())
        self._kept[key] = batch
        self._kept.move_to_end(key)
        while len(self._kept) > self.most or (len(self._kept) > self.least and self._records > MOST_RECORDS):
            self._records -= len(self._kept.popitem(last=False)[1].records)
        return batch
