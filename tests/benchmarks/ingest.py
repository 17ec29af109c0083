"""Ingest against a bare Arrow insert and commit of the same rows."""

from __future__ import annotations

import statistics
import threading
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import orjson
import pyarrow as pa

from collectors.records.usage_rows import usage_table
from jobs.price import price
from roomleft.clock import FixedClock
from roomleft.packs import load_packs
from roomleft.settings import ROOT
from tests.benchmarks.rows import SERIES, records, samples
from tests.benchmarks.timing import Result, percentile, seconds
from tests.chaos.server import Server
from warehouse.store import Store
from warehouse.writer import Batch, Writer

BATCH = 10_000
TURNS = 12
IN_FLIGHT = 8


def sample_ratios(folder: Path, now: datetime) -> list[Result]:
    """Durable samples in 10 000-row batches, through the writer, against bare inserts and commits of the same finished rows, in turn.

    Once with as many batches in flight as a busy sender keeps, once with each batch acknowledged before the next is sent.
    """
    store = Store.open(f"duckdb:///{folder}/samples.duckdb", now=FixedClock(now))
    bare = Store.open(f"duckdb:///{folder}/samples-bare.duckdb", now=FixedClock(now))
    writer = Writer(store, FixedClock(now))
    writer.start()
    began = now - timedelta(days=2)
    hours = iter(range(1, 10_000))

    def turn(in_flight: int) -> float:
        ends = [began + timedelta(minutes=5 * next(hours)) for _ in range(in_flight)]
        batches = [Batch("bench", samples=samples(BATCH, end, 1)) for end in ends]
        ours = seconds(lambda: [future.result(60) for future in [writer.submit(batch) for batch in batches]])
        rows = "SELECT * FROM samples WHERE observed_at >= $since AND observed_at < $until"
        finished = [
            store.select(rows, {"since": end - timedelta(seconds=BATCH // SERIES), "until": end}).combine_chunks() for end in ends
        ]
        assert [stored.num_rows for stored in finished] == [BATCH] * in_flight
        return seconds(lambda: [_bare(bare, "samples", stored) for stored in finished]) / ours

    def ratio(in_flight: int) -> float:
        return statistics.median([turn(in_flight) for _ in range(TURNS)][2:])

    queued, alone = ratio(IN_FLIGHT), ratio(1)
    writer.close()
    store.close()
    bare.close()
    what = "durable samples, batches of 10 000, against bare Arrow inserts"
    return [
        Result(f"{what}: {IN_FLIGHT} in flight", f"{queued:.0%}", "≥ 60 %", queued >= 0.6),
        Result(f"{what}: one at a time", f"{alone:.0%}", "report", None),
    ]


def _bare(store: Store, table: str, rows: pa.Table) -> None:
    with store.transaction() as tx:
        tx.insert(table, rows)


def usage_ratio(folder: Path, now: datetime) -> Result:
    """Usage events as NDJSON over HTTP to a real server, priced and acknowledged, against a bare insert of the same events."""
    server = Server(folder / "http", {})
    (folder / "http").mkdir()
    server.start()
    bare = Store.open(f"duckdb:///{folder}/usage-bare.duckdb", now=FixedClock(now))
    ratios, rates = [], []
    try:
        for turn in range(TURNS):
            made = records(BATCH, now, turn)
            body = b"\n".join(orjson.dumps(record) for record in made)
            ours = seconds(lambda body=body: _push(server, body))  # type: ignore[misc]
            rows = usage_table(body, source="bench", platform=None, known_platforms=["scribe"], now=now).usage
            for name in ("ingested_at", "id_hash", "content_hash"):
                kind = pa.timestamp("us", "UTC") if name == "ingested_at" else pa.uint64()
                if name not in rows.column_names:
                    rows = rows.append_column(name, pa.array([now if name == "ingested_at" else 1] * rows.num_rows, kind))
            ratios.append(seconds(lambda rows=rows: _bare(bare, "ai_usage", rows)) / ours)  # type: ignore[misc]
            rates.append(BATCH / ours)
    finally:
        server.stop()
        bare.close()
    ratio = statistics.median(ratios[2:])
    measured = f"{ratio:.0%} ({statistics.median(rates[2:]):,.0f} events/s)"
    return Result(
        "usage events as NDJSON over HTTP, priced, acknowledged, against a bare Arrow insert", measured, "≥ 25 %", ratio >= 0.25
    )


def _push(server: Server, body: bytes) -> None:
    answer = server.push(body)
    assert answer is not None
    assert answer["rows_added"] == BATCH, answer


def viewers(folder: Path, now: datetime, seconds_long: float = 20.0, count: int = 20) -> list[Result]:
    """Twenty viewers asking for the headroom once a second while usage is pushed as fast as it is acknowledged."""
    import time

    server = Server(folder / "viewers", {})
    (folder / "viewers").mkdir()
    server.start()
    assert server.http is not None
    until = time.monotonic() + seconds_long
    pages: list[float] = []
    pushes: list[float] = []

    def watch(number: int) -> None:
        assert server.http is not None
        with httpx.Client(base_url=server.http.base_url, headers=server.http.headers, timeout=30, trust_env=False) as http:
            time.sleep(number / count)
            while time.monotonic() < until:
                took = seconds(lambda: http.get("/api/v1/headroom").raise_for_status())
                pages.append(took)
                time.sleep(max(0.0, 1.0 - took))

    def push() -> None:
        turn = 0
        while time.monotonic() < until:
            body = b"\n".join(orjson.dumps(record) for record in records(1000, now, 10_000 + turn))
            pushes.append(seconds(lambda body=body: server.push(body)))  # type: ignore[misc]
            turn += 1

    threads = [threading.Thread(target=watch, args=(n,)) for n in range(count)] + [threading.Thread(target=push)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        server.stop()
    return [
        Result(f"{count} viewers at 1 Hz while ingesting: headroom answer", _spread(pages), "report", None),
        Result("the same: a push of 1 000 events, acknowledged", _spread(pushes), "report", None),
    ]


def _spread(values: list[float]) -> str:
    return f"p50 {percentile(values, 0.5) * 1000:.0f} ms, p95 {percentile(values, 0.95) * 1000:.0f} ms ({len(values)})"


def prepare_prices(store: Store, now: datetime) -> None:
    """The shipped prices, in the store."""
    price(store, load_packs(ROOT / "packs", ["scribe"]), now)
