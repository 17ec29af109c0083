"""How far each stream of each source has been read: for screens, readiness and people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from warehouse.store import Store

REMEMBERED = timedelta(days=2)
COMPONENT = "collector"
"""The component under which Roomleft's own reading of a platform is recorded: series `up`, checks `read STREAM`."""


@dataclass(frozen=True)
class SourceProgress:
    """One stream of one source.

    `fraction` is how much of its history has been read, 0 to 1 by time; 1 when caught up, which is when both its newest and its oldest record
    were reached. What was read lies between `read_from` (None: the oldest record there is) and `read_to`, the time of the newest. `up` says whether the newest read worked, and
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
    read_from: datetime | None = None


def progress(store: Store, now: datetime, expected: Iterable[tuple[str, str]] = ()) -> list[SourceProgress]:
    """Every stream that was ever tried, by platform, source and stream. `expected` (platform, stream) pairs get a row before their first try."""
    found = [
        SourceProgress(
            platform=row["platform"],
            source=row["source"],
            stream=row["stream"],
            fraction=_fraction(row),
            read_to=row["read_to"],
            caught_up=row["caught_up"],
            up=row["up"],
            last_success_at=row["last_success_at"],
            last_error=None if row["up"] else row["last_error"],
            read_from=row["read_from"],
        )
        for row in store.rows("source_progress", since=now - REMEMBERED, now=now)
    ]
    tried = {(row.platform, row.stream) for row in found}
    found += [
        SourceProgress(platform, platform, stream, 0.0, None, False, False, None, None)
        for platform, stream in dict.fromkeys(expected)
        if (platform, stream) not in tried
    ]
    return sorted(found, key=lambda row: (row.platform, row.source, row.stream))


def _fraction(row: Mapping[str, Any]) -> float:
    if row["caught_up"]:
        return 1.0
    read_to, oldest_at, newest_at = row["read_to"], row["oldest_at"], row["newest_at"]
    if read_to is None or oldest_at is None or newest_at is None or newest_at <= oldest_at:
        return 0.0
    read = min(read_to, newest_at) - max(row["read_from"] or oldest_at, oldest_at)
    return float(min(1.0, max(0.0, read / (newest_at - oldest_at))))
