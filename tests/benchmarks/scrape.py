"""Scraping: how fast pages are read against prometheus_client, and whether 200 targets of 1 000 samples are held every 15 seconds."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import resource
import statistics
import threading
import time
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from collectors.prometheus.exposition import Format, Reader, read_page
from collectors.prometheus.scrape_target import ScrapeTarget
from jobs.scrape import ScrapeLoop
from roomleft import metrics
from roomleft.clock import Clock
from tests.benchmarks.timing import Result, percentile
from warehouse.store import Store
from warehouse.writer import Writer

SAMPLES = 10_000
TURNS = 7
TARGETS = 200
SAMPLES_EACH = 1_000
EVERY = timedelta(seconds=15)


def parsing() -> list[Result]:
    """One page of 10 000 samples in both formats: read for the first time, and again with other values, in turn with prometheus_client.

    Processor time of this thread is compared, so that a busy neighbour falls on neither.
    """
    results = []
    for kind, theirs in ((Format.TEXT, text_families), (Format.OPENMETRICS, openmetrics_families)):
        read_page(page(100, 0, kind), kind)
        reader, cold, warm, client = Reader(), [], [], []
        reader.read(page(SAMPLES, 0, kind), kind)
        for turn in range(1, TURNS + 1):
            body = page(SAMPLES, turn, kind)
            text = body.decode()
            client.append(_cpu_s(lambda text=text, theirs=theirs: list(theirs(text))))  # type: ignore[misc]
            cold.append(_cpu_s(lambda body=body, kind=kind: read_page(body, kind)))  # type: ignore[misc]
            warm.append(_cpu_s(lambda body=body, kind=kind, reader=reader: reader.read(body, kind)))  # type: ignore[misc]
        for name, ours, least in (("first sight", cold, 3.0), ("again, other values", warm, 30.0)):
            ratio = statistics.median(theirs_s / ours_s for theirs_s, ours_s in zip(client, ours, strict=True))
            measured = f"{ratio:.1f}x ({SAMPLES / statistics.median(ours):,.0f} samples/s)"
            results.append(
                Result(
                    f"reading a page of 10 000 samples ({kind}), {name}, against prometheus_client",
                    measured,
                    f"≥ {least:g}x",
                    ratio >= least,
                )
            )
    return results


def _cpu_s(work: object) -> float:
    began = time.thread_time()
    work()  # type: ignore[operator]
    return time.thread_time() - began


def page(samples: int, seed: int, kind: Format) -> bytes:
    """A page as a service exposes one: counters with a few labels, a hundred series each, half of whole numbers and half of fractions. Only values depend on `seed`."""
    dice = random.Random(seed)
    lines = []
    for family in range(samples // 100):
        name = f"service_requests_{family}"
        shown = name if kind is Format.OPENMETRICS else f"{name}_total"
        lines += [f"# HELP {shown} Requests by handler.", f"# TYPE {shown} counter"]
        lines += [
            f'{name}_total{{handler="/api/v1/thing/{n}",code="{200 + n % 5}",method="GET"}} {dice.randrange(1_000_000) if n % 2 else dice.uniform(0, 1e4)}'
            for n in range(100)
        ]
    return ("\n".join(lines + ["# EOF"] * (kind is Format.OPENMETRICS)) + "\n").encode()


def hold(folder: Path, seconds_long: float = 75.0, targets: int = TARGETS) -> list[Result]:
    """Targets in a process of their own, scraped into a real warehouse file, while a reader asks it for the newest readings once a second."""
    there, here = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    server.start()
    port = here.recv()
    clock = Clock()
    store = Store.open(f"duckdb:///{folder}/scrape.duckdb", now=clock)
    writer = Writer(store, clock)
    writer.start()
    loop = ScrapeLoop(
        (ScrapeTarget("bench", f"t{n}", "host", f"http://127.0.0.1:{port}/{n}", EVERY) for n in range(targets)), writer, clock
    )
    answers: list[float] = []
    stopped = threading.Event()

    def watch() -> None:
        while not stopped.wait(1.0):
            began = time.perf_counter()
            store.select(
                "SELECT count(*) FROM samples WHERE observed_at >= $since", {"since": clock.now() - timedelta(minutes=1)}
            )
            answers.append(time.perf_counter() - began)

    watcher = threading.Thread(target=watch)
    try:
        loop.start()
        time.sleep(EVERY.total_seconds() + 2)  # the first scrape of each target names its series
        watcher.start()
        before = _readings()
        time.sleep(seconds_long)
        after = _readings()
    finally:
        stopped.set()
        watcher.join()
        statuses = loop.statuses()
        loop.stop()
        writer.close()
        store.close()
        server.terminate()
        server.join(10)
    cpu = (after["cpu_s"] - before["cpu_s"]) / (after["wall_s"] - before["wall_s"])
    missed, down = sum(status.missed_slots for status in statuses), sum(not status.up for status in statuses)
    samples = (after["rows"] - before["rows"]) / (after["wall_s"] - before["wall_s"])
    aim = targets * SAMPLES_EACH / EVERY.total_seconds()
    what = f"{targets} targets of {SAMPLES_EACH:,} samples every {EVERY.total_seconds():g} s"
    lag = [_quantile(before["lag"], after["lag"], q) for q in (0.5, 0.95)]
    commit = [_quantile(before["commit"], after["commit"], q) for q in (0.5, 0.95)]
    held = missed == 0 and down == 0 and samples >= 0.97 * aim
    return [
        Result(
            f"{what}: held", f"{samples:,.0f} samples/s, {missed} slots missed, {down} targets down", f"{aim:,.0f}/s, 0, 0", held
        ),
        Result(f"{what}: CPU of the process", f"{cpu:.0%} of a core", "≤ 100 %", cpu <= 1.0),
        Result(
            f"{what}: lag behind the slot",
            f"p50 ≤ {lag[0] * 1000:g} ms, p95 ≤ {lag[1] * 1000:g} ms",
            "p95 ≤ 250 ms",
            lag[1] <= 0.25,
        ),
        Result(
            f"{what}: from the queue to the commit",
            f"p50 ≤ {commit[0] * 1000:g} ms, p95 ≤ {commit[1] * 1000:g} ms",
            "report",
            None,
        ),
        Result(
            f"{what}: a reader's question meanwhile",
            f"p50 {percentile(answers, 0.5) * 1000:.0f} ms, p95 {percentile(answers, 0.95) * 1000:.0f} ms",
            "p95 ≤ 500 ms",
            percentile(answers, 0.95) <= 0.5,
        ),
    ]


def serve(to: Connection) -> None:
    """200 targets in one process: each path is one, its page always of the same series with other values."""
    asyncio.run(_serve(to))


async def _serve(to: Connection) -> None:
    heads = [f'service_requests_{n // 100}_total{{handler="/api/v1/thing/{n % 100}",code="200"}} ' for n in range(SAMPLES_EACH)]

    async def answer(reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        while (await reader.readuntil(b"\r\n\r\n")).startswith(b"GET"):
            value = str(int(time.monotonic() * 1000))
            body = "".join(head + value + "\n" for head in heads).encode()
            out.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: %d\r\n\r\n" % len(body) + body
            )
            await out.drain()

    async def safely(reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, out)
        except (asyncio.IncompleteReadError, ConnectionError):
            out.close()

    listening = await asyncio.start_server(safely, "127.0.0.1", 0)
    to.send(listening.sockets[0].getsockname()[1])
    await listening.serve_forever()


def _readings() -> dict[str, Any]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "cpu_s": used.ru_utime + used.ru_stime,
        "wall_s": time.monotonic(),
        "rows": metrics.REGISTRY.get_sample_value("roomleft_ingested_rows_total", {"stream": "samples", "outcome": "added"}) or 0.0,
        "lag": _buckets("roomleft_scrape_lag_seconds"),
        "commit": _buckets("roomleft_commit_seconds"),
    }  # fmt: skip


def _buckets(name: str) -> dict[float, float]:
    return {
        float(sample.labels["le"]): sample.value
        for family in metrics.REGISTRY.collect()
        for sample in family.samples
        if sample.name == f"{name}_bucket"
    }


def _quantile(before: dict[float, float], after: dict[float, float], q: float) -> float:
    """The upper bound of the bucket that holds a quantile of what was counted in between."""
    counts = {bound: count - before.get(bound, 0.0) for bound, count in after.items()}
    total = max(counts.values())
    return min(bound for bound, count in counts.items() if count >= q * total)
