"""What one look at a source gives, whatever the source is: readings, AI calls, its own words about itself, and why it failed if it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Protocol

import pyarrow as pa

from roomleft.errors import CollectError
from warehouse import tables
from warehouse.charges import Bill


@dataclass(frozen=True, slots=True)
class Position:
    """How far into a source's past has been read. `text` is the taker's own; times are those of the rows."""

    text: str
    read_to: datetime | None = None
    oldest_at: datetime | None = None
    newest_at: datetime | None = None
    caught_up: bool = True


@dataclass(frozen=True, slots=True)
class Taken:
    """What one look gave. What was read before `error` is kept.

    `unknown` in words: the look says nothing about the source (this host has lost its own network), so it counts neither as up nor as down.
    `more`: there is history left to read, so the next look should come at once.
    """

    samples: pa.Table = field(default_factory=tables.SAMPLES.empty_table)
    """Schema warehouse.tables.SAMPLES."""
    health: pa.Table | None = None
    """Schema warehouse.tables.HEALTH: checks that this source makes of itself, beside the one that says whether it was read."""
    usage: pa.Table | None = None
    """Schema warehouse.tables.USAGE: AI calls that the source knows of."""
    bills: tuple[Bill, ...] = ()
    """Whole billing days, as the source's provider billed them."""
    rejected: pa.Table | None = None
    """Schema warehouse.tables.REJECTED."""
    error: CollectError | None = None
    unknown: str = ""
    position: Position | None = None
    more: bool = False


STREAMS: Mapping[str, str] = MappingProxyType({"litellm": "usage", "litellm-postgres": "usage"})
"""The streams of kinds that give one of the platform's own: how far they are read is how fresh that stream is."""


class Taker(Protocol):
    """Looks at one source. Belongs to one thread at a time; keeps no connection open between looks unless that is cheap to lose."""

    @property
    def platform(self) -> str:
        """The slug of the pack that names the source."""

    @property
    def source(self) -> str:
        """`<slug>.<name>`: the name under which the source's readings, cursors and faults are recorded."""

    @property
    def component(self) -> str:
        """The component that the source's own check (`reads <name>`) belongs to."""

    @property
    def kind(self) -> str:
        """The kind as the pack writes it. It names the stream of the source's cursor too, but for kinds in `STREAMS`."""

    @property
    def interval(self) -> timedelta:
        """How often it looks."""

    def take(self, now: datetime, position: Position | None) -> Taken:
        """Look once. `position` is what the last look of this or an earlier process returned. A source's failure is returned, not raised."""
