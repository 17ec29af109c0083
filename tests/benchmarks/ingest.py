"""Ingest against a bare Arrow insert and commit of the same rows."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import numpy as np
import orjson
import pyarrow as pa

from analytics.catalogue import Catalogue
from collectors.records.usage_rows import usage_table
from jobs.price import price
from roomleft.clock import FixedClock
from roomleft.packs import load_packs
from roomleft.settings import ROOT
from tests.benchmarks.rows import SERIES, records, samples
from tests.benchmarks.timing import Result, percentile, seconds
from tests.chaos.server import Server
from warehouse.ingest import usage as ingest_usage
from warehouse.ingest.pricing import Priced
from warehouse.store import Store, Transaction
from warehouse.tables import USAGE
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


PRICED_MODELS = (
    ("openai", "gpt-4.1"),
    ("anthropic", "claude-sonnet-4-5"),
    ("google", "gemini-2.5-pro"),
    ("deepseek", "deepseek-chat"),
)
MILLION = 1_000_000


def pricing_ratio(folder: Path, now: datetime, events: int = MILLION) -> list[Result]:
    """Events through the writer with their prices resolved from the lists, against the same with pricing left out; in turn, medians.

    Once of calls with tokens alone, once with every tenth telling parts of its tokens.
    """
    catalogue = Catalogue(ROOT / "packs" / "prices")
    results = []
    for name, parts_every in (("tokens", 0), ("a tenth with parts of tokens", 10)):
        stores = [Store.open(f"duckdb:///{folder}/priced-{parts_every}-{turn}.duckdb", now=FixedClock(now)) for turn in range(2)]
        writers = [
            Writer(stores[0], FixedClock(now), rates_for=lambda pairs: catalogue.rates_of(pairs, now)),
            Writer(stores[1], FixedClock(now)),
        ]
        for writer in writers:
            writer.start()
        took: tuple[list[float], list[float]] = ([], [])
        for turn in range(events // BATCH):
            rows = _priced_rows(turn, now, parts_every)
            for writer, times, free in zip(writers, took, (False, True), strict=True):
                with _unpriced() if free else nullcontext():
                    times.append(seconds(lambda w=writer, rows=rows: w.write(Batch("bench", usage=rows))))  # type: ignore[misc]
        for writer, store in zip(writers, stores, strict=True):
            writer.close()
            store.close()
        added = sum(took[0]) / sum(took[1]) - 1
        measured = f"{added:+.0%} ({events / sum(took[0]):,.0f} against {events / sum(took[1]):,.0f} events/s)"
        results.append(Result(f"pricing {events:,} events on their way in: {name}", measured, "≤ +50 %", added <= 0.5))
    return results


@contextmanager
def _unpriced() -> Iterator[None]:
    """Events stored as free, without a look at any price."""
    real = ingest_usage.price_usage

    def nothing(tx: Transaction, usage: pa.Table, book: object = None) -> Priced:
        count = usage.num_rows
        zero = pa.repeat(pa.scalar(Decimal(0), pa.decimal128(18, 9)), count)
        return Priced(pa.nulls(count, pa.string()), zero, pa.repeat("free", count))

    ingest_usage.price_usage = nothing  # type: ignore[assignment]
    try:
        yield
    finally:
        ingest_usage.price_usage = real


def _priced_rows(turn: int, now: datetime, parts_every: int) -> pa.Table:
    rng = np.random.default_rng(turn)
    which = rng.integers(0, len(PRICED_MODELS), BATCH)
    since = int((now - timedelta(hours=6)).timestamp() * 1e6)
    zeros = pa.array(np.zeros(BATCH, dtype=np.int64))
    columns: dict[str, pa.Array] = dict.fromkeys(("cache_write_tokens", "reasoning_tokens", "images", "characters"), zeros)
    columns |= {
        "event_id": pa.array([f"{turn}-{n}" for n in range(BATCH)]),
        "source": pa.repeat("bench", BATCH),
        "platform": pa.repeat("scribe", BATCH),
        "status": pa.repeat("ok", BATCH),
        "operation": pa.repeat("chat", BATCH),
        "requests": pa.array(np.ones(BATCH, dtype=np.int64)),
        "occurred_at": pa.array(since + rng.integers(0, 6 * 3_600_000_000, BATCH)).cast(USAGE.field("occurred_at").type),
        "provider": pa.array([pair[0] for pair in PRICED_MODELS]).take(pa.array(which)),
        "model": pa.array([pair[1] for pair in PRICED_MODELS]).take(pa.array(which)),
        "input_uncached_tokens": pa.array(rng.integers(10, 3000, BATCH)),
        "cache_read_tokens": pa.array(rng.integers(0, 2000, BATCH)),
        "output_tokens": pa.array(rng.integers(1, 900, BATCH)),
        "audio_seconds": pa.array([Decimal(0)] * BATCH, USAGE.field("audio_seconds").type),
    }
    if parts_every:
        told = [[("input_image_tokens", 5.0)] if n % parts_every == 0 else None for n in range(BATCH)]
        columns["other_units"] = pa.array(told, USAGE.field("other_units").type)
    return pa.table({field.name: columns.get(field.name, pa.nulls(BATCH, field.type)) for field in USAGE}).cast(USAGE)
