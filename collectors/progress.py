"""How far each stream of each source has been read: for screens, readiness and people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from warehouse.store import Store

REMEMBERED = timedelta(days=2)
COMPONENT = "collector"
"""The component under which Roomleft's own reading of a platform is recorded: series `up`, checks `read STREAM`."""


@dataclass(frozen=True)
class SourceProgress:
    """One stream of one source.

    `fraction` is how much of its history has been read, 0 to 1 by time; 1 when caught up. `up` says whether the newest read worked, and
    `last_error` what was wrong when one failed in the last two days (None while `up`).
    """

    platform: str
    source: str
    stream: str
    fraction: float
    read_to: datetime | None
    caught_up: bool
    up: bool
    last_success_at: datetime | None
    last_error: str | None


def progress(store: Store, now: datetime, expected: Iterable[tuple[str, str]] = ()) -> list[SourceProgress]:
    """Every stream that was ever tried, by platform and stream. `expected` (platform, stream) pairs get a row even before their first try."""
    found = {}
    for row in store.rows("source_progress", since=now - REMEMBERED, now=now):
        found[row["platform"], row["stream"]] = SourceProgress(
            platform=row["platform"],
            source=row["source"],
            stream=row["stream"],
            fraction=_fraction(row["caught_up"], row["read_to"], row["oldest_at"], row["newest_at"]),
            read_to=row["read_to"],
            caught_up=row["caught_up"],
            up=row["up"],
            last_success_at=row["last_success_at"],
            last_error=None if row["up"] else row["last_error"],
        )
    for platform, stream in expected:
        found.setdefault((platform, stream), SourceProgress(platform, platform, stream, 0.0, None, False, False, None, None))
    return [found[key] for key in sorted(found)]


def _fraction(caught_up: bool, read_to: datetime | None, oldest_at: datetime | None, newest_at: datetime | None) -> float:
    if caught_up:
        return 1.0
    if read_to is None or oldest_at is None or newest_at is None or newest_at <= oldest_at:
        return 0.0
    return min(1.0, max(0.0, (read_to - oldest_at) / (newest_at - oldest_at)))
