"""What changed on a platform shortly before an alert: its deploys, what people decided here about its limits, and packs, rules and alerting.yaml that were
put in force. In words, newest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from roomleft.clock import Pacer
from roomleft.packs import Pack
from warehouse.state import StateDb
from warehouse.state.audit import Audit
from warehouse.store import Store

LOOKED_BACK = 100
"""How many of the newest deeds are looked through."""
DEEDS = ("set ", "withdraw ")
RELOAD = "reload"
NAMED = 3
"""How many rules are named."""


class Changes:
    """Answers what changed: deploys from the warehouse, decisions from the audit. Raises StoreError."""

    def __init__(self, store: Store, state: StateDb, packs: Mapping[str, Pack], clock: Pacer) -> None:
        self._store, self._state, self._packs, self._clock = store, state, packs, clock

    def __call__(self, platform: str, since: datetime, until: datetime) -> Sequence[str]:
        """What changed in [since, until), on the platform's clock."""
        pack = self._packs.get(platform)
        zone = ZoneInfo(pack.zone if pack is not None else "UTC")
        rows = self._store.rows("page_deploys", platform=platform, since=since, until=until)
        found = [(row["deployed_at"], _deploy(row)) for row in rows]
        found += self._decided(platform, since, until)
        return [f"{at.astimezone(zone):%H:%M} {words}" for at, words in sorted(found, reverse=True)]

    def _decided(self, platform: str, since: datetime, until: datetime) -> Iterator[tuple[datetime, str]]:
        """Decisions are on the wall's clock: where the platform's runs at another speed nobody can say when that was on it."""
        if self._clock.speed != 1:
            return
        ahead = self._clock.now() - self._state.clock.now()
        for entry in Audit(self._state).recent(LOOKED_BACK):
            at, detail = entry.at + ahead, entry.detail
            if entry.what == RELOAD and since <= at < until and detail.get("platform") in (platform, ""):
                yield at, f"{_reloaded(detail)}, by {entry.who}"
            deed = next((each for each in DEEDS if entry.what.startswith(each)), "")
            if deed and since <= at < until and detail.get("platform") in (platform, ""):
                what = entry.what.removeprefix(deed).replace("_", " ")
                yield at, f"{what} {detail.get('subject', '')}: {'changed' if deed == 'set ' else 'taken back'} by {entry.who}"


def _reloaded(detail: Mapping[str, Any]) -> str:
    """`pack changed; rules changed: A, B, C and 2 more`."""
    found = [f"{name} {detail[key]}" for key, name in (("pack", "pack"), ("alerting", "alerting.yaml")) if detail.get(key)]
    for change in ("added", "changed", "removed"):
        names = detail.get(f"rules_{change}", [])
        more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
        found += [f"rules {change}: {', '.join(names[:NAMED])}{more}"] if names else []
    return "; ".join(found)


def _deploy(row: Mapping[str, Any]) -> str:
    """`deploy application 2.4.0: Living worlds`."""
    name = " ".join(str(row[key]) for key in ("kind", "component", "version") if row.get(key))
    return f"{name}: {row['title']}" if row.get("title") else name
