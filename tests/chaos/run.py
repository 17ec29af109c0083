"""One chaos run: push, kill, start again, push again what was not acknowledged; then compare with a run that nobody disturbed."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from collectors.records.usage_rows import usage_table
from jobs.measure import measure
from jobs.price import price
from roomleft.clock import FixedClock
from roomleft.packs import load_packs
from roomleft.settings import ROOT
from tests.chaos.server import Server
from tests.chaos.traffic import batches, ndjson
from warehouse.rollup import roll_up
from warehouse.store import Store
from warehouse.writer import Batch, Writer

SHAPES = {
    "events": "SELECT count(*) AS n, count(DISTINCT event_id) AS ids, sum(output_tokens)::BIGINT AS tokens FROM ai_usage",
    "costs": "SELECT count(*) AS n, count(DISTINCT event_id) AS ids, sum(cost_usd)::DECIMAL(38,9) AS usd, min(cost_state) AS state FROM cost_entries",
    "usage_15m": (
        "SELECT bucket, model, tier, status, sum(requests)::BIGINT AS requests, sum(output_tokens)::BIGINT AS tokens, sum(cost_usd)::DECIMAL(38,9) AS usd"
        " FROM usage_15m GROUP BY ALL ORDER BY ALL"
    ),
    "usage_user_1d": (
        "SELECT zone, day, tier, model, count(DISTINCT user_id) AS users, sum(requests)::BIGINT AS requests, sum(cost_usd)::DECIMAL(38,9) AS usd"
        " FROM usage_user_1d GROUP BY ALL ORDER BY ALL"
    ),
    "latency_1h": "SELECT bucket, model, latency_bucket, sum(count)::BIGINT AS n FROM latency_1h GROUP BY ALL ORDER BY ALL",
    "dirty": "SELECT count(*) AS n FROM dirty_buckets",
}
"""What must be equal in the killed warehouse and in the clean one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did and found. `differences` names every shape that is not equal."""

    kills: int
    acknowledged: int
    resent: int
    events: int
    differences: list[str]


def chaos(folder: Path, kills: int, seed: int, say: Callable[[str], None] = lambda line: None, rows: int = 500) -> Outcome:
    """Kill a server `kills` times while it works. The killing thread waits a random, seeded time after the first acknowledgement."""
    rng = random.Random(seed)
    until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    waiting = list(batches(seed, max(20, kills * 4), rows, until))
    everything = [ndjson(batch) for batch in waiting]
    server = Server(folder / "killed")
    at = acknowledged = resent = done = 0
    while done < kills or at < len(everything):
        server.start()
        assassin = None
        if done < kills:
            assassin = threading.Timer(rng.uniform(0.0, 1.2), server.kill)
            assassin.start()
        while True:
            # With kills still to come the traffic must not run dry: what was acknowledged is pushed again and adds nothing.
            body = everything[at] if at < len(everything) else everything[rng.randrange(len(everything))]
            answer = server.push(body)
            if answer is None:
                resent += 1
                break
            acknowledged += 1
            at += at < len(everything)
            if assassin is None and at >= len(everything):
                break
        if assassin is not None:
            assassin.join()
            done += 1
            say(f"kill {done} of {kills}: {at} of {len(everything)} batches acknowledged")
        else:
            server.stop()
    if server.process is not None and server.process.poll() is None:
        server.stop()
    killed = _settled(folder / "killed", until)
    clean = _clean(folder / "clean", everything, until)
    return Outcome(done, acknowledged, resent, killed["events"][0]["n"], [name for name in clean if clean[name] != killed[name]])


def _clean(folder: Path, bodies: list[bytes], until: datetime) -> dict[str, Any]:
    folder.mkdir(parents=True)
    clock = FixedClock(until)
    packs = load_packs(ROOT / "packs", ["scribe"])
    store = Store.open(f"duckdb:///{folder}/warehouse.duckdb", now=clock)
    writer = Writer(store, clock)
    writer.start()
    price(store, packs, until)
    for body in bodies:
        rows = usage_table(body, source="chaos", platform=None, known_platforms=["scribe"], now=until)
        writer.write(Batch("chaos", usage=rows.usage))
    writer.close()
    store.close()
    return _settled(folder, until)


def _settled(folder: Path, until: datetime) -> dict[str, Any]:
    """Rolled up to the end and measured at one fixed time; every shape of it."""
    store = Store.open(f"duckdb:///{folder}/warehouse.duckdb", now=FixedClock(until))
    try:
        roll_up(store, until)
        shapes: dict[str, Any] = {name: store.select(sql).to_pylist() for name, sql in SHAPES.items()}
        rows = measure(store, load_packs(ROOT / "packs", ["scribe"]), until)
        shapes["headroom"] = sorted(
            (row.limit_id, row.used, row.remaining, row.state)
            for row in rows
            if row.limit_id.find("ai_") >= 0 or row.used is not None
        )
        return shapes
    finally:
        store.close()
