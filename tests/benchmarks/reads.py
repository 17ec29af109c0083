"""Reading: percentiles from rollups against exact ones, and the cost of measuring and drawing with a hundred times the events."""

from __future__ import annotations

import statistics
from datetime import datetime, timedelta
from pathlib import Path

from dashboards import reads
from dashboards.pages import overview
from jobs.measure import measure
from roomleft.clock import FixedClock
from roomleft.packs import load_packs
from roomleft.settings import ROOT
from tests.benchmarks.ingest import prepare_prices
from tests.benchmarks.rows import fill
from tests.benchmarks.timing import Result, seconds
from warehouse.percentiles import latency_percentiles
from warehouse.rollup import roll_up
from warehouse.store import Store

EXACT = "SELECT quantile_cont(latency_ms, [0.5, 0.95, 0.99]) AS q FROM ai_usage WHERE platform = $platform AND occurred_at >= $since AND occurred_at < $until"
REPEATS = 7


def filled(folder: Path, total: int, now: datetime) -> Store:
    """A store with `total` events of ninety days, rolled up."""
    store = Store.open(f"duckdb:///{folder}/reads-{total}.duckdb", now=FixedClock(now))
    prepare_prices(store, now)
    fill(store, total, now)
    roll_up(store, now)
    return store


def percentiles(store: Store, now: datetime, label: str) -> list[Result]:
    """Thirty days' p50, p95, p99: speed against exact on raw, and the largest error."""
    since = now - timedelta(days=30)
    span = {"platform": "scribe", "since": since, "until": now}
    exact_s = statistics.median(seconds(lambda: store.select(EXACT, span)) for _ in range(3))
    ours_s = statistics.median(seconds(lambda: latency_percentiles(store, "scribe", since, now)) for _ in range(REPEATS))
    exact = store.select(EXACT, span)["q"][0].as_py()
    found = list(latency_percentiles(store, "scribe", since, now).values())
    error = max(abs(mine - true) / true for mine, true in zip(found, exact, strict=True))
    return [
        Result(
            f"30-day p50/p95/p99 on {label} from rollups against exact",
            f"{exact_s / ours_s:.0f} × faster",
            "≥ 20 ×",
            exact_s >= 20 * ours_s,
        ),
        Result("the same: largest error", f"{error:.2%}", "≤ 1 %", error <= 0.01),
    ]


def screens(small: Store, large: Store, now: datetime) -> Result:
    """Measuring all limits and drawing the Overview, with the large store against the small one, in turn."""
    packs = load_packs(ROOT / "packs", ["scribe"])

    def both(store: Store, turn: int) -> float:
        at = now + timedelta(minutes=turn)
        return seconds(lambda: (measure(store, packs, at), overview.draw(reads.limits(store, packs, at), at)))

    ratio = statistics.median(both(large, turn) / both(small, turn) for turn in range(REPEATS))
    return Result(
        "measure all limits and draw the Overview: 10 M events against 100 000", f"{ratio:.2f} ×", "≤ 1.5 ×", ratio <= 1.5
    )
