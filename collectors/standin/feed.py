"""Paged streams in commit order: slots of records, cursors, pages.

A feed makes batches: the records that *happened* in a slot of time, each with its commit instant. A page is read from commit
slots, which merge the records of several batches: a late record shows up in a later slot than the one it happened in.
"""

from __future__ import annotations

import base64
import binascii
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import orjson

from collectors.standin.instants import Ints, text_of_one
from roomleft.errors import InputError

Cache = OrderedDict[tuple[int, object], "Batch"]
NO_TIMES: Ints = np.empty(0, dtype=np.int64)


class CursorUnknown(InputError):
    """A cursor that this stream never handed out, or has forgotten (HTTP 410)."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records with the instants they carry and the instants they were committed, as encoded JSON objects."""

    at_us: Ints
    commit_us: Ints
    records: list[bytes]


EMPTY = Batch(NO_TIMES, NO_TIMES, [])


class Feed(Protocol):
    """One stream of a platform."""

    name: str
    slot_us: int
    lookback: int  # how many earlier slots may hold records that are committed in a slot

    def batch(self, slot: int) -> Batch:
        """What happened in [slot, slot + 1) x slot_us."""

    def version(self, slot: int) -> object:
        """Equal versions of a slot mean equal batches."""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a paged route; `after` and `next` are cursors."""

    after: str | None
    next: str | None
    more: bool
    oldest_at: str | None
    newest_at: str | None
    records: list[bytes]

    def encode(self) -> bytes:
        """The JSON body."""
        head = {k: getattr(self, k) for k in ("after", "next", "more", "oldest_at", "newest_at")}
        return orjson.dumps(head)[:-1] + b',"records":[' + b",".join(self.records) + b"]}"


class Pager:
    """Reads pages of a feed from `start_us` up to what is committed now. `tag` binds cursors to this very stream."""

    def __init__(self, feed: Feed, start_us: int, tag: str, keep: int = 8) -> None:
        self.feed = feed
        self.first = start_us // feed.slot_us
        self.tag = tag
        self._batches: Cache = OrderedDict()
        self._slots: Cache = OrderedDict()
        self._keep = keep
        self._oldest: str | None = None

    def page(self, after: str | None, limit: int, now_us: int, *, generation: int = 0, repeat: int = 0) -> Page:
        """At most `limit` records after the cursor, committed by `now_us`. `repeat` steps back so many records first.

        Raises CursorUnknown for a cursor of another stream, seed, history or generation.
        """
        last = now_us // self.feed.slot_us
        slot, index = self.first, 0
        if after is not None:
            slot, index = self._position(after, generation, last, now_us)
            index = max(0, index - min(repeat, limit // 2))  # a reader still gets on
        records: list[bytes] = []
        while slot <= last:
            visible = self._visible(slot, now_us)
            take = self.slot(slot).records[index : min(visible, index + limit - len(records))]
            records += take
            index += len(take)
            if len(records) == limit or slot == last:
                break
            slot, index = slot + 1, 0
        following = self._cursor(slot, index, generation) if records else after
        more = any(self._visible(s, now_us) > (index if s == slot else 0) for s in range(slot, last + 1))
        oldest, newest = self._ends(last, now_us)
        return Page(after, following, more, oldest, newest, records)

    def slot(self, slot: int) -> Batch:
        """Everything committed in a slot, in commit order, future records of the running slot included."""
        sources = range(max(self.first, slot - self.feed.lookback), slot + 1)
        versions = tuple(self.feed.version(s) for s in sources)
        return _cached(self._slots, (slot, versions), self._keep, lambda: self._merge(slot, sources))

    def _merge(self, slot: int, sources: range) -> Batch:
        begin, end = slot * self.feed.slot_us, (slot + 1) * self.feed.slot_us
        at, commit, records = [], [], []
        for source in sources:
            batch = _cached(self._batches, (source, self.feed.version(source)), self._keep, partial(self.feed.batch, source))
            chosen = np.flatnonzero((batch.commit_us >= begin) & (batch.commit_us < end))
            at.append(batch.at_us[chosen])
            commit.append(batch.commit_us[chosen])
            records += [batch.records[i] for i in chosen.tolist()]
        if not records:
            return EMPTY
        all_at, all_commit = np.concatenate(at), np.concatenate(commit)
        order = np.argsort(all_commit, kind="stable")
        return Batch(all_at[order], all_commit[order], [records[i] for i in order.tolist()])

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


def _cached(cache: Cache, key: tuple[int, object], keep: int, make: Callable[[], Batch]) -> Batch:
    if key in cache:
        cache.move_to_end(key)
    else:
        cache[key] = make()
        while len(cache) > keep:
            cache.popitem(last=False)
    return cache[key]
