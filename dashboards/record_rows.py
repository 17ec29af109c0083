"""The track record as the pages read it: its lines and tenths, the newest claims that are over, and when the next ones are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from typing import Any

from analytics.forecasting.targets import plan_of, report_series
from analytics.forecasting.track_record import Bin, TrackRecord, track_record
from dashboards.forecast_rows import title_of
from roomleft.outlook import Made
from roomleft.packs import Pack
from warehouse.store import Store

NEWEST = 15
EVERY = 100_000
Z_90 = 1.6448536
"""The normal distribution's 95 % point: 90 % lie within so many standard errors."""
FEW = 5
"""A tenth with fewer claims says nothing of how well it keeps its word."""


@dataclass(frozen=True, slots=True)
class Record:
    """All of it. `first_at`: when the first claim said beforehand that is still open is over."""

    track: TrackRecord
    newest: Sequence[dict[str, Any]]
    first_at: datetime | None

    @property
    def scored_at(self) -> datetime | None:
        """When a claim was scored last."""
        return max((row["scored_at"] for row in self.newest), default=None)

    def bins(self, made: Made) -> tuple[Bin, ...]:
        """The tenths that have claims."""
        return tuple(each for each in self.track.reliability.get(made, ()) if each.claims)


def bin_of(track: TrackRecord, probability: float) -> Bin | None:
    """The tenth of a record that a chance belongs to, live before replayed, where it has enough claims."""
    for made in Made:
        for each in track.reliability.get(made, ()):
            last = each.high >= 1 - 1e-9
            if each.claims >= FEW and each.low - 1e-9 <= probability and (probability < each.high - 1e-9 or last):
                return each
    return None


def interval(each: Bin) -> tuple[float, float]:
    """Where the share that happens probably is, with 90 %: Wilson's score interval (E. B. Wilson, JASA 22, 1927)."""
    n, share = each.claims, each.happened
    middle = (share + Z_90**2 / (2 * n)) / (1 + Z_90**2 / n)
    half = Z_90 / (1 + Z_90**2 / n) * sqrt(share * (1 - share) / n + Z_90**2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def record(store: Store, platform: str | None, now: datetime) -> Record:
    """The track record of a platform (None: of all). Raises StoreError."""
    first_at = store.rows("page_record_due", platform=platform, now=now)[0]["first_at"]
    track = track_record(store, platforms=None if platform is None else [platform])
    return Record(track, scored(store, platform, most=NEWEST), first_at)


def scored(store: Store, platform: str | None, made: Made | None = None, most: int = EVERY) -> list[dict[str, Any]]:
    """Claims that are over, the newest first. Raises StoreError."""
    return store.rows("page_record_scored", platform=platform, made=made.value if made else None, most=most)


STATISTICS = {"busiest": "busiest hour", "lowest": "lowest hour"}
"""What of a day a target's name says its value is."""


def apart_words(target: str) -> str:
    """What sets a target apart from others of its title, in words: `busiest hour`, `30 days`, `tier premium`, `Europe/Berlin`."""
    name, _, part = target.partition("/")[2].partition("#")
    days = part.removesuffix("d")
    told = STATISTICS.get(part) or (
        f"{days} days" if days.isdigit() and days != part else part.replace("=", " ").replace("_", " ")
    )
    return ", ".join(each for each in (name.partition("@")[2], told) if each)


def names_of(pack: Pack) -> dict[str, str]:
    """The titles of what claims are about, by its name: limits, series of the report, targets."""
    limits = {limit.limit_id: limit.title for limit in pack.limit_list()}
    if not isinstance(pack, Pack):
        return limits
    plan = plan_of(pack)
    targets = {
        name: ", ".join(each for each in (title_of({"target": name}, target), "" if target.part else apart_words(name)) if each)
        for name, target in plan.targets.items()
    }
    return targets | {subject.name: subject.title for subject in plan.subjects} | limits


def units_of(pack: Pack) -> dict[str, str]:
    """In what each limit and each series of the capacity report is told, by its name: a ratio's parts are in other units."""
    units = {subject.name: subject.unit for subject in report_series(pack)} if isinstance(pack, Pack) else {}
    return units | {limit.limit_id: limit.unit for limit in pack.limit_list()}
