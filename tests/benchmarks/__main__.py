"""`make bench`: runs every measurement and prints one table."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.alerts import alerts
from tests.benchmarks.demo import demo
from tests.benchmarks.ingest import pricing_ratio, sample_ratios, usage_ratio, viewers
from tests.benchmarks.otlp import otlp
from tests.benchmarks.page import page
from tests.benchmarks.reads import explorer, filled, percentiles, screens
from tests.benchmarks.scrape import hold, parsing
from tests.benchmarks.timing import Result, show
from tests.benchmarks.viewers import live_viewers
from tests.benchmarks.weight import weight

MANY = 10_000_000
FEW = 100_000


def main() -> None:
    """Measure, then print. Takes some minutes: ten million events are made first."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument(
        "--only",
        choices=("ingest", "reads", "viewers", "demo", "scrape", "otlp", "page", "alerts", "weight"),
        help="measure one part",
    )
    options.add_argument("--events", type=int, default=MANY, help="how many events the reading measurements store")
    chosen = options.parse_args()
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with tempfile.TemporaryDirectory(prefix="roomleft-bench-") as name:
        folder = Path(name)
        parts: dict[str, Callable[[], list[Result]]] = {
            "ingest": lambda: [*sample_ratios(folder, now), usage_ratio(folder, now), *pricing_ratio(folder, now)],
            "reads": lambda: _reads(folder, now, chosen.events),
            "viewers": lambda: [*viewers(folder, now), *live_viewers(folder, chosen.events)],
            "weight": lambda: weight(folder),
            "demo": lambda: demo(folder),
            "scrape": lambda: [*parsing(), *hold(folder)],
            "otlp": lambda: otlp(folder, now),
            "alerts": lambda: alerts(folder, now),
            "page": lambda: page(folder),
        }
        results: list[Result] = []
        for part, measure in parts.items():
            if chosen.only in (None, part):
                print(f"measuring {part} …", flush=True)
                results += measure()
    show(results)


def _reads(folder: Path, now: datetime, events: int) -> list[Result]:
    few = filled(folder, FEW, now)
    many = filled(folder, events, now)
    try:
        label = f"{events / 1e6:g} M events"
        return [*percentiles(many, now, label), screens(few, many, now), *explorer(many, now, label)]
    finally:
        few.close()
        many.close()


if __name__ == "__main__":
    main()
