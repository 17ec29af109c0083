"""How the sources of platforms stood at each instant: whether their newest look worked, and why nothing came from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from analytics.conditions_answers import COLLECTOR, STATUSES, Answers, is_of_reading
from analytics.conditions_tape import NEVER, Flags, Ints, Tape, instant_of, span_us
from analytics.conditions_view import REMEMBERED, Scene, SeriesRow
from roomleft.findings import Unknown
from warehouse.rows import as_rows

RECENT = timedelta(minutes=10)
"""How old a check may be to say why data is missing."""


@dataclass(frozen=True)
class Stream:
    """One stream of a source: its `up` series and its place on the tape."""

    platform: str
    source: str
    stream: str
    place: int


class Sources:
    """The looks at every source, read when first asked for. `reach` is how far back conditions look."""

    def __init__(self, scene: Scene, offset_us: int, reach: timedelta, answers: Answers) -> None:
        self.scene, self.answers = scene, answers
        self._reach_us = span_us(reach + REMEMBERED)
        known = scene.catalogue(())
        places = [p for p in known.by_name.get("up", ()) if known.series[p].component == COLLECTOR]
        rows: Sequence[SeriesRow] = [known.series[p] for p in places]
        self.streams = [
            Stream(row.platform, row.labels.get("source", ""), row.labels.get("stream", ""), n) for n, row in enumerate(rows)
        ]
        self.instants = scene.instants.before(offset_us)
        ids = np.array([row.series_id for row in rows], dtype=np.uint64)
        since = instant_of(int(self.instants.at[0])) - reach - REMEMBERED
        span = {
            "ids": ids.tolist(),
            "since": since,
            "until": instant_of(int(self.instants.at[-1])),
            "read_to": instant_of(int(self.instants.read_to[-1])),
        }
        self.tape = Tape.of(ids, scene.query("alert_samples", **span)) if rows else Tape.of(ids)
        self._good: Ints | None = None
        self._of: dict[str, list[Stream]] = {}
        for stream in self.streams:
            self._of.setdefault(stream.source, []).append(stream)

    def source_of(self, row: SeriesRow) -> str:
        """The source that gives a series: `<slug>.<name>`, or the name of the platform's own API."""
        named = row.labels.get("source")
        if named:
            return f"{row.platform}.{named}"
        pack = self.scene.view.packs.get(row.platform)
        return pack.source_name if pack is not None else row.platform

    def is_known(self, source: str) -> bool:
        """Whether looks at a source are on record."""
        return source in self._of

    def good_at(self, source: str) -> Ints:
        """When the newest look at a source that worked was, at each instant; NEVER where none is on record."""
        if self._good is None:
            good = self.tape.only(np.flatnonzero(self.tape.value == 1))
            rows = good.newest(self.instants)
            observed = np.append(good.observed, NEVER)[rows]
            self._good = np.where(observed > self.instants.at - self._reach_us, observed, NEVER)
        found = np.full(len(self.instants), NEVER, dtype=np.int64)
        for stream in self._of.get(source, ()):
            found = np.maximum(found, self._good[stream.place])
        return found

    def read_at(self, source: str) -> Ints:
        """Up to when a source was read, at each instant: its newest look that worked or, of a stream whose newest look failed, that
        stream's last one that worked. NEVER where none did."""
        found = self.good_at(source)
        assert self._good is not None, "it was just read"
        newest = self.tape.newest(self.instants)
        value = np.append(self.tape.value, np.nan)
        for stream in self._of.get(source, ()):
            failed = (newest[stream.place] >= 0) & (value[newest[stream.place]] != 1)
            found = np.where(failed, np.minimum(found, self._good[stream.place]), found)
        return found

    def was_tried(self, source: str) -> Flags:
        """Whether any look at a source is on record at an instant."""
        rows = self.tape.newest(self.instants)[[stream.place for stream in self._of[source]]]
        observed = np.append(self.tape.observed, NEVER)[rows]
        tried: Flags = np.any(observed > self.instants.at - self._reach_us, axis=0)
        return tried

    def nobody_looked(self, source: str) -> Flags:
        """Whether the check of the source's reading said last that this host itself could not look."""
        platform = next(stream.platform for stream in self._of[source])
        found = np.zeros(len(self.instants), dtype=bool)
        recent = self.instants.at - span_us(RECENT + self.scene.view.slack)
        for (owner, component, check), place in self.answers.checks.items():
            if owner == platform and is_of_reading(platform, source, component, check):
                row = self.answers.newest[place]
                status, observed = self.answers.status[row], np.append(self.answers.observed, NEVER)[row]
                found |= (status == STATUSES.index("unknown")) & (observed > recent)
        return found

    def read_before(self, source: str, observed_us: int, arrived_us: int, within_us: int) -> bool:
        """Whether a look at a source worked within so long before a reading, and was stored no later than that."""
        for stream in self._of.get(source, ()):
            mine = self._rows_of(stream)
            observed = self.tape.observed[mine]
            found = mine[(observed < observed_us) & (observed > observed_us - within_us)]
            if ((self.tape.value[found] == 1) & (self.tape.arrived[found] <= arrived_us)).any():
                return True
        return False

    def _rows_of(self, stream: Stream) -> Ints:
        low, high = np.searchsorted(self.tape.series, [stream.place, stream.place + 1])
        return np.arange(low, high, dtype=np.int64)


class Reasons:
    """Why nothing came from a source: what the check of its reading said last. Asked for what is shown only; not at all if `quiet`."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.quiet = False
        self._kept: dict[tuple[str, int, int], tuple[Unknown, str] | None] = {}

    def of(self, platform: str, source: str, at_us: int, read_to_us: int) -> tuple[Unknown, str] | None:
        """OFFLINE with words when the source could not be read, or nobody could look; None when the source answers."""
        if self.quiet:
            return None
        told = self.scene.view.offline.get(source)
        if told:
            return Unknown.OFFLINE, told
        key = (source, at_us, read_to_us)
        if key not in self._kept:
            self._kept[key] = self._asked(platform, source, at_us, read_to_us)
        return self._kept[key]

    def _asked(self, platform: str, source: str, at_us: int, read_to_us: int) -> tuple[Unknown, str] | None:
        at = instant_of(at_us)
        rows = as_rows(
            self.scene.query(
                "alert_source_checks",
                platform=platform,
                since=at - RECENT - self.scene.view.slack,
                until=at,
                read_to=instant_of(read_to_us),
            )
        )
        for row in rows:
            own = is_of_reading(platform, source, row["component"], row["check_name"])
            if own and row["status"] in ("fail", "unknown"):
                words = str(row["words"] or "")
                could_not = "nobody could look" if row["status"] == "unknown" else "it cannot be read"
                return Unknown.OFFLINE, f"{could_not}: {words}" if words else could_not
        return None
