"""Reading: percentiles from rollups against exact ones, and the cost of measuring and drawing with a hundred times the events."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from analytics.allocation import Rule
from analytics.ledger import Books, Question
from analytics.verdict import verdict
from dashboards import reads
from dashboards.filters import Filters, bucket_edges
from dashboards.pages import overview
from dashboards.verdict_lines import verdict_block
from jobs.measure import Paces, measure
from roomleft.clock import FixedClock
from roomleft.mapping_rules import mapping_rule
from roomleft.packs import Pack, load_packs
from roomleft.settings import ROOT
from roomleft.timespan import Period, Window
from tests.benchmarks.ingest import prepare_prices
from tests.benchmarks.rows import fill
from tests.benchmarks.timing import Result, seconds
from warehouse.percentiles import latency_percentiles
from warehouse.rollup import roll_up
from warehouse.store import Store

EXACT = "SELECT quantile_cont(latency_ms, [0.5, 0.95, 0.99]) AS q FROM ai_usage WHERE platform = $platform AND occurred_at >= $since AND occurred_at < $until"
REPEATS = 7
EXPLORER_MS = 150


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
    # The best of some repeats on both sides: what other work on the machine disturbed least.
    exact_s = min(seconds(lambda: store.select(EXACT, span)) for _ in range(REPEATS))
    ours_s = min(seconds(lambda: latency_percentiles(store, "scribe", since, now)) for _ in range(REPEATS))
    exact = store.select(EXACT, span)["q"][0].as_py()
    found = list(latency_percentiles(store, "scribe", since, now).latency_ms.values())
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
    # As the job does it: paces that move by the day are looked up once an hour. The first turn, which looks them up, is not counted.
    paces = Paces()

    def both(store: Store, turn: int) -> float:
        at = now + timedelta(minutes=turn)
        return seconds(lambda: (measure(store, packs, at, paces), draw(store, packs, at)))

    both(large, -1), both(small, -1)
    ratio = statistics.median(both(large, turn) / both(small, turn) for turn in range(REPEATS))
    return Result(
        "measure all limits and draw the Overview: 10 M events against 100 000", f"{ratio:.2f} ×", "≤ 1.5 ×", ratio <= 1.5
    )


def explorer(store: Store, now: datetime, label: str) -> list[Result]:
    """What the Explorer asks of thirty days with daily edges: by model, and by team where twenty rules assign it. Median of some repeats."""
    since = now - timedelta(days=30)
    edges = tuple(bucket_edges(since, now, ZoneInfo("UTC")))
    kinds = ("npc_dialogue", "quest_text", "world_generation")
    rules = [
        Rule(
            n, f"rule {n}", "", since + timedelta(days=n), None,
            mapping_rule({"match": {"model": [("flash", "paid")[n % 2]], "request_type": [kinds[n % 3]]}, "assign": {"team": f"team {n}"}}, "bench"),
        )
        for n in range(20)
    ]  # fmt: skip
    results = []
    for by, own, words in (("model", [], "by model"), ("team", rules, "by team, 20 rules")):
        books = Books(store, {}, own)
        question = Question(since, now, (by,), edges=edges)
        # Once before it counts: the first asks read the table from the disk.
        books.costs(question, now)
        ask = partial(books.costs, question, now)
        ms = statistics.median(seconds(ask) for _ in range(REPEATS)) * 1000
        results.append(Result(f"Explorer, 30 days {words} on {label}", f"{ms:.0f} ms", "≤ 150 ms", ms <= EXPLORER_MS))
    return results


def draw(store: Store, packs: Mapping[str, Pack], now: datetime) -> list[object]:
    """The Overview's blocks, as its callbacks make them."""
    filters = Filters(overview.PATH)
    rows = reads.limits(store, packs, now)
    month = Question(Window(Period.MONTH, filters.zone).bounds(now)[0], now)
    facts = [
        overview.month_fact(Books(store, packs).costs(month, now), rows, filters, now),
        overview.fresh_fact(rows, now),
        overview.sources_fact(reads.sources(store), [], now),
    ]
    said = verdict([(row.headroom, row.limit) for row in rows], now, filters.zone)
    return [verdict_block(said), facts, overview.limits_block(rows, filters, now)]
