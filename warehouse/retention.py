"""Retention: how long each table is kept, and the order that makes forgetting safe (roll up, seal, delete).

A sealed bucket is never redone from raw again; a later event or price adds a delta to it as it is stored. Sealing therefore happens
between two ingests and two re-pricings, never beside one. Deleting needs no such care: what is deleted is behind the seal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from roomleft.errors import SettingsError
from warehouse.marking import sealed_before
from warehouse.revisions import REVISING
from warehouse.rollup import EPOCH, FENCE, Scope, SloCount, redo, roll_up, scope_of, utc_day
from warehouse.store import Store, Transaction

INGEST_FENCE = "ingest"
T = TypeVar("T")
# A local day may begin a day before the UTC day it ends in, and must still be whole in raw to be redone.
DAY_SLACK = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Keep:
    """How long rows are kept. Rollups must outlive what they are made from; raises SettingsError otherwise.

    `cursors` is a number of rows for each source and stream; `headroom` is how long every row is kept, after that one an hour.
    """

    samples: timedelta = timedelta(days=30)
    usage: timedelta = timedelta(days=400)
    health: timedelta = timedelta(days=400)
    rejected: timedelta = timedelta(days=90)
    samples_1m: timedelta = timedelta(days=90)
    samples_1h: timedelta = timedelta(days=400)
    latency_1m: timedelta = timedelta(days=30)
    slo_1m: timedelta = timedelta(days=400)
    headroom: timedelta = timedelta(days=90)
    evaluations: timedelta = timedelta(days=90)
    anomalies: timedelta = timedelta(days=400)
    cursors: int = 100

    def __post_init__(self) -> None:
        if not timedelta(days=1) <= self.samples <= self.samples_1m <= self.samples_1h:
            raise SettingsError(
                "samples must be kept a day or more, their minutes as long, their hours as long as those", "retention"
            )
        if self.usage < timedelta(days=1) or self.cursors < 1:
            raise SettingsError("usage must be kept for a day or more, and one cursor or more", "retention")


@dataclass(frozen=True, slots=True)
class Retained:
    """What retention did: rows deleted by table, and the instants before which raw usage and samples are sealed now."""

    deleted: dict[str, int] = field(default_factory=dict)
    usage_sealed_before: datetime | None = None
    samples_sealed_before: datetime | None = None

    def __str__(self) -> str:
        words = [f"{count} {table}" for table, count in self.deleted.items() if count]
        return "deleted " + ", ".join(words) if words else "nothing is old enough to delete"


def retain(
    store: Store, now: datetime, keep: Keep | None = None, *, zones: Sequence[str] = ("UTC",), slos: Sequence[SloCount] = ()
) -> Retained:
    """Rolls up what is dirty, seals what is past keeping, deletes it. Twice is once; killed anywhere, the next run finishes it.

    A raw row goes only when both its own time and its arrival are past keeping, so what was back-filled lately can be sent again
    without doubling. Seals never move back, so a longer `keep` does not unseal. Raises StoreError, StoreConflict.
    """
    keep = keep or Keep()
    roll_up(store, now, zones, slos=slos)
    seals = {
        "usage": utc_day(now - keep.usage),
        "samples": utc_day(now - keep.samples),
        "latency_1m": utc_day(now - keep.latency_1m),
    }
    seals |= {"samples_1m": utc_day(now - keep.samples_1m), "samples_1h": utc_day(now - keep.samples_1h)}
    sealed = _between_writers(store, lambda tx: _seal(tx, now, seals, scope_of(tx, zones, slos)))
    deleted: dict[str, int] = {}
    for table, sql, params in _deletions(now, keep, sealed):
        deleted[table] = store.run(lambda tx, sql=sql, params=params: _count(tx, sql, params), fence=FENCE)  # type: ignore[misc]
    return Retained(deleted, sealed["usage"], sealed["samples"])


def _between_writers(store: Store, work: Callable[[Transaction], T]) -> T:
    """`work` in a transaction that neither an ingest nor a re-pricing runs beside: either would mark buckets that were not sealed to it."""
    if store.is_lake:
        # There all fenced work takes turns, whatever its fence.
        return store.run(work, fence=INGEST_FENCE)
    with store.transaction(fence=REVISING):
        return store.run(work, fence=INGEST_FENCE)


def _seal(tx: Transaction, now: datetime, seals: dict[str, datetime], scope: Scope) -> dict[str, datetime]:
    """Moves the seals on, in a transaction that no ingest runs beside; where they stand."""
    names: list[str] = tx.execute("SELECT DISTINCT rollup FROM dirty_buckets")["rollup"].to_pylist()
    for name in (name for name in names if scope.can_redo(name)):
        # Marked since the roll-up just now: the last chance to redo it from raw. Of two rollers at it one conflicts and looks again.
        redo(tx, name, EPOCH, seals["samples" if name == "samples" else "usage"], scope)
    moved: dict[str, datetime] = {}
    for rollup, before in seals.items():
        old = sealed_before(tx, rollup)
        moved[rollup] = before if old is None else max(old, before)
        if moved[rollup] != old:
            tx.execute("DELETE FROM sealed WHERE rollup = $rollup", {"rollup": rollup})
            tx.execute("INSERT INTO sealed VALUES ($rollup, $before, $now)", {"rollup": rollup, "before": before, "now": now})
    return moved


def _deletions(now: datetime, keep: Keep, sealed: dict[str, datetime]) -> list[tuple[str, str, dict[str, object]]]:
    usage_gone = sealed["usage"] - DAY_SLACK
    return [
        (
            "samples",
            "DELETE FROM samples WHERE observed_at < $before AND ingested_at < $arrived",
            {"before": sealed["samples"], "arrived": now - keep.samples},
        ),
        (
            "ai_usage",
            "DELETE FROM ai_usage WHERE occurred_at < $before AND ingested_at < $arrived",
            {"before": usage_gone, "arrived": now - keep.usage},
        ),
        (
            "cost_entries",
            # All revisions go with their event, whenever they were recorded.
            "DELETE FROM cost_entries AS c WHERE c.occurred_at < $before AND NOT EXISTS ("
            "SELECT 1 FROM ai_usage AS u WHERE u.occurred_at < $before"
            " AND u.id_hash = c.id_hash AND u.source = c.source AND u.event_id = c.event_id)",
            {"before": usage_gone},
        ),
        (
            "health_checks",
            "DELETE FROM health_checks WHERE observed_at < $before AND ingested_at < $before",
            {"before": now - keep.health},
        ),
        ("rejected", "DELETE FROM rejected WHERE rejected_at < $before", {"before": now - keep.rejected}),
        ("samples_1m", "DELETE FROM samples_1m WHERE bucket < $before", {"before": sealed["samples_1m"]}),
        ("samples_1h", "DELETE FROM samples_1h WHERE bucket < $before", {"before": sealed["samples_1h"]}),
        ("latency_1m", "DELETE FROM latency_1m WHERE bucket < $before", {"before": sealed["latency_1m"]}),
        ("slo_1m", "DELETE FROM slo_1m WHERE minute < $before", {"before": utc_day(now - keep.slo_1m)}),
        (
            "headroom",
            # The newest row of each hour stays.
            "DELETE FROM headroom WHERE as_of < $before AND (limit_id, platform, subject, as_of) NOT IN ("
            "SELECT (limit_id, platform, subject, max(as_of)) FROM headroom WHERE as_of < $before"
            " GROUP BY limit_id, platform, subject, epoch_us(as_of) // 3600000000)",
            {"before": utc_day(now - keep.headroom)},
        ),
        ("anomalies", "DELETE FROM anomalies WHERE about_to < $before", {"before": utc_day(now - keep.anomalies)}),
        (
            "evaluations",
            "DELETE FROM evaluations WHERE evaluated_at < $before",
            {"before": utc_day(now - keep.evaluations)},
        ),
        (
            "cursors",
            "DELETE FROM cursors AS c USING (SELECT source, stream, list(recorded_at ORDER BY recorded_at DESC)[$keep] AS oldest"
            " FROM cursors GROUP BY source, stream) AS k"
            " WHERE c.source = k.source AND c.stream = k.stream AND c.recorded_at < k.oldest",
            {"keep": keep.cursors},
        ),
        # Marks for an SLO that nobody defines any more.
        (
            "dirty_buckets",
            "DELETE FROM dirty_buckets WHERE rollup LIKE 'slo/%' AND bucket < $before",
            {"before": utc_day(now - keep.slo_1m)},
        ),
    ]


def _count(tx: Transaction, sql: str, params: dict[str, object]) -> int:
    return int(tx.execute(sql, params)["Count"][0].as_py())
