"""What the web side is handed: every part it reads or writes through, and nothing it could build itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from roomleft.clock import Pacer
from roomleft.packs import Pack
from roomleft.settings import Settings
from warehouse.state import StateDb
from warehouse.store import Store
from warehouse.writer import Writer

from .readiness import Readiness

SLACK = timedelta(seconds=30)
"""What reading, rolling up and measuring may take on the wall, together."""


class JobState(Protocol):
    """How a job stands, for screens and /readyz."""

    @property
    def name(self) -> str: ...

    @property
    def outcome(self) -> str: ...

    @property
    def words(self) -> str: ...

    @property
    def late(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """The running parts. `jobs` answers how each job stands; it is a function so that pages need not know the scheduler."""

    settings: Settings
    clock: Pacer
    packs: Mapping[str, Pack]
    store: Store
    writer: Writer
    state: StateDb
    jobs: Callable[[], Sequence[JobState]]
    readiness: Readiness

    @property
    def slack(self) -> timedelta:
        """`slack_of` the clock."""
        return slack_of(self.clock)


def slack_of(clock: Pacer) -> timedelta:
    """How much later than on the wall's clock data may come in: on a clock that runs fast, work takes more of its time."""
    return SLACK * max(clock.speed - 1, 0)
