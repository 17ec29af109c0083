"""What a reload put in force, for the audit: one entry for each platform whose pack or rules changed, and one for alerting.yaml."""

from __future__ import annotations

from collections.abc import Iterator

from dashboards.parts import Reloaded
from warehouse.state import StateDb
from warehouse.state.audit import record

RELOAD = "reload"
CHANGES = ("added", "changed", "removed")


def note_reload(state: StateDb, reloaded: Reloaded, who: str) -> None:
    """Note what changed; nothing if nothing did. Raises StoreError."""
    entries = list(_entries(reloaded))
    if entries:
        with state.write() as connection:
            for entry in entries:
                record(connection, state.clock.now(), who, RELOAD, **entry)


def _entries(reloaded: Reloaded) -> Iterator[dict[str, object]]:
    """`platform`; what became of its `pack`, if anything; the alerts of its `rules_added`, `rules_changed`, `rules_removed`."""
    by_platform: dict[str, dict[str, object]] = {}
    for change in CHANGES:
        for slug in getattr(reloaded, change):
            by_platform.setdefault(slug, {})["pack"] = change
        for rule_id in getattr(reloaded, f"rules_{change}"):
            slug, _, alert = rule_id.partition(".")
            named = by_platform.setdefault(slug, {}).setdefault(f"rules_{change}", [])
            assert isinstance(named, list), "made so"
            named.append(alert)
    for slug, detail in by_platform.items():
        yield {"platform": slug, **detail}
    if reloaded.alerting_changed:
        yield {"platform": "", "alerting": "changed"}
