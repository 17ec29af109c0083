"""The collector against the stand-in platform in its own process: what it reads twice is stored once, also when it is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from analytics.meters import Meters
from collectors.fetch import Patience
from collectors.platform_api.progress import SourceProgress, progress
from collectors.platform_api.source import STREAMS, PlatformApi, SourceConfig
from jobs.collect import StreamReader
from jobs.price import price
from roomleft.clock import FixedClock
from roomleft.limits import Reading
from roomleft.packs import load_pack
from warehouse.rollup import roll_up
from warehouse.store import Store
from warehouse.writer import Writer

ROOT = Path(__file__).resolve().parents[2]
EPOCH = datetime(2026, 11, 20, tzinfo=UTC)
PACK = "scribe"
CHILD = """
import sys
from datetime import UTC, datetime
from collectors.platform_api.source import PlatformApi, SourceConfig
from jobs.collect import StreamReader
from jobs.price import price
from roomleft.clock import FixedClock
from roomleft.limits import Reading
from roomleft.packs import load_pack
from warehouse.store import Store
from warehouse.writer import Writer

url, warehouse, minute = sys.argv[1:]
clock = FixedClock(datetime(2026, 11, 20, 0, int(minute), tzinfo=UTC))

class Telling(Writer):
    def submit(self, batch):
        print("page", flush=True)
        return super().submit(batch)

store = Store.open(warehouse, now=clock)
writer = Telling(store, clock, group_ms=1)
writer.start()
StreamReader(PlatformApi(SourceConfig("scribe", url, "t", page_size=100)), "usage", store, writer, clock, budget_s=60).run()
"""


@pytest.fixture(scope="module")
def standin() -> Iterator[str]:
    """A stand-in at a standing clock, with two days of history; yields the platform's address."""
    command = [
        sys.executable,
        "-m",
        "collectors.standin",
        "--packs",
        PACK,
        "--days",
        "2",
        "--token",
        "t",
        "--epoch",
        EPOCH.isoformat(),
    ]
    command += ["--clock-real", EPOCH.isoformat(), "--clock-virtual", EPOCH.isoformat(), "--speed", "1e-9"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    yield json.loads(process.stdout.readline())["url"].rstrip("/") + f"/{PACK}"
    process.stdin.close()
    process.wait(10)
    process.stdout.close()


def everything(url: str, path: str) -> list[dict[str, object]]:
    """Every record of a stream, read by plain HTTP."""
    records: list[dict[str, object]] = []
    after: dict[str, str] = {}
    while True:
        page = httpx.get(url + path, params={"limit": "10000", **after}, headers={"Authorization": "Bearer t"}).json()
        records += page["records"]
        if not page["more"]:
            return records
        after = {"after": page["next"]}


def test_every_stream_is_read_twice_and_stored_once(standin: str, tmp_path: Path) -> None:
    clock = FixedClock(EPOCH)
    store = Store.open(f"duckdb:///{tmp_path / 'w.duckdb'}", now=clock)
    writer = Writer(store, clock, group_ms=1)
    writer.start()
    for stream in STREAMS:
        reader = StreamReader(PlatformApi(SourceConfig(PACK, standin, "t")), stream, store, writer, clock, budget_s=60)
        runs = [reader.run()]
        while runs[-1].more:
            runs.append(reader.run())
        assert [(run.error, run.duplicate, run.rejected, run.conflict) for run in runs] == [(None, 0, 0, 0)] * len(runs), stream
        assert runs[-1].caught_up, stream
        assert reader.run().added == 0, stream
    usage = everything(standin, "/usage")
    found = store.select(
        "SELECT count(*)::BIGINT AS n, sum(input_uncached_tokens + cache_read_tokens + cache_write_tokens)::BIGINT AS input, "
        "sum(output_tokens)::BIGINT AS output, sum(images)::BIGINT AS images FROM ai_usage"
    ).to_pylist()[0]
    assert len(usage) > 1000
    assert found == {
        "n": len(usage),
        "input": sum(int(str(record.get("input_tokens") or 0)) for record in usage),
        "output": sum(int(str(record.get("output_tokens") or 0)) for record in usage),
        "images": sum(int(str(record.get("images") or 0)) for record in usage),
    }
    samples = everything(standin, "/samples")
    own = store.select(
        "SELECT count(*) AS n FROM samples JOIN series USING (series_id) WHERE component <> 'collector'"
    ).to_pylist()
    assert own == [{"n": len(samples)}]
    assert [(row.stream, row.up, row.caught_up) for row in progress(store, clock.now())] == [
        (s, True, True) for s in sorted(STREAMS)
    ]
    writer.close()
    store.close()


@pytest.mark.parametrize("fault", ["rate_limited", "broken", "hang", "garbage", "duplicate_pages"])
def test_under_a_fault_the_failure_is_told_and_afterwards_nothing_is_lost_or_doubled(
    standin: str, tmp_path: Path, fault: str
) -> None:
    def switch(on: bool) -> None:
        httpx.put(f"{standin}/faults/{fault}", json={"on": on}, headers={"Authorization": "Bearer t"}).raise_for_status()

    clock = FixedClock(EPOCH)
    store = Store.open(f"duckdb:///{tmp_path / 'w.duckdb'}", now=clock)
    writer = Writer(store, clock, group_ms=1)
    writer.start()
    expected = sorted(str(record["id"]) for record in everything(standin, "/usage"))
    # A run ends after its first page: the fault comes in the middle of the stream.
    hasty = Patience(read_timeout_s=0.3 if fault == "hang" else 20.0, attempts=1)
    source = SourceConfig(PACK, standin, "t", page_size=len(expected) // 2, patience=hasty)
    StreamReader(PlatformApi(source), "usage", store, writer, clock, budget_s=0).run()
    clock.advance(timedelta(minutes=1))
    switch(True)
    try:
        during = StreamReader(PlatformApi(source), "usage", store, writer, clock, budget_s=60).run()
    finally:
        switch(False)
    if fault == "duplicate_pages":
        assert during.duplicate > 0
    else:
        assert during.error is not None
        assert during.error.what
        assert during.error.where.endswith("/usage")
        assert during.error.hint
        assert during.added == 0
        shown = {row.stream: (row.up, row.last_error) for row in progress(store, clock.now())}
        assert shown["usage"][0] is False
        assert during.error.what in str(shown["usage"][1])
    clock.advance(timedelta(minutes=1))
    after = StreamReader(PlatformApi(source), "usage", store, writer, clock, budget_s=60).run()
    assert (after.error, after.caught_up, after.conflict) == (None, True, 0)
    assert sorted(store.select("SELECT event_id FROM ai_usage").column("event_id").to_pylist()) == expected
    writer.close()
    store.close()


def test_killed_in_the_middle_of_a_page_every_record_is_stored_exactly_once(standin: str, tmp_path: Path) -> None:
    warehouse = f"duckdb:///{tmp_path / 'w.duckdb'}"
    expected = sorted(str(record["id"]) for record in everything(standin, "/usage"))
    for pages in (2, 6):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, standin, warehouse, str(pages)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        for _ in range(pages):
            assert child.stdout.readline() == "page\n"
        # The page just announced is on its way into the warehouse: it may be stored or not, with its cursor or not at all.
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    clock = FixedClock(EPOCH)
    store = Store.open(warehouse, now=clock)
    before = store.select("SELECT count(*) AS n FROM ai_usage").to_pylist()[0]["n"]
    assert 0 < before < len(expected)
    writer = Writer(store, clock, group_ms=1)
    writer.start()
    done = StreamReader(PlatformApi(SourceConfig(PACK, standin, "t")), "usage", store, writer, clock, budget_s=60).run()
    # Nothing was stored without its cursor, so nothing had to be read again.
    assert (done.added, done.duplicate) == (len(expected) - before, 0)
    assert sorted(store.select("SELECT event_id FROM ai_usage").column("event_id").to_pylist()) == expected
    writer.close()
    store.close()


def test_the_newest_day_is_read_first_and_figures_say_how_far_back_they_reach(standin: str, tmp_path: Path) -> None:
    pack = load_pack(ROOT / "packs" / f"{PACK}.yaml")
    (limit,) = [limit for limit in pack.limit_list() if limit.meter_id == "ai_cost"]
    clock = FixedClock(EPOCH)
    store = Store.open(f"duckdb:///{tmp_path / 'w.duckdb'}", now=clock)
    writer = Writer(store, clock, group_ms=1)
    writer.start()
    price(store, {PACK: pack}, clock.now())
    usage = StreamReader(PlatformApi(SourceConfig(PACK, standin, "t")), "usage", store, writer, clock, budget_s=60)

    def look() -> tuple[Reading, SourceProgress]:
        clock.advance(timedelta(minutes=1))
        roll_up(store, clock.now(), ["UTC"])
        (row,) = progress(store, clock.now())
        return Meters(store, pack, clock.now()).read(limit.meter_id, limit), row

    first = usage.run()
    assert (first.more, first.first_contact, first.caught_up) == (True, True, False)
    part, reached = look()
    assert part.covers is not None
    assert part.covers <= timedelta(days=1, minutes=2)
    assert part.observed_at is not None
    assert clock.now() - part.observed_at <= timedelta(minutes=1)
    assert reached.read_from == EPOCH - timedelta(days=1)
    assert 0.4 < reached.fraction < 0.6
    assert reached.read_to is not None
    assert EPOCH - reached.read_to < timedelta(minutes=10)

    second = usage.run()
    assert (second.error, second.more, second.settled, second.duplicate) == (None, False, True, 0)
    whole, reached = look()
    assert whole.covers is not None
    assert whole.covers > timedelta(days=1, hours=12)
    assert part.amount is not None
    assert whole.amount is not None
    assert whole.amount > part.amount
    assert whole.observed_at is not None
    assert whole.observed_at >= part.observed_at
    assert (reached.fraction, reached.caught_up) == (1.0, True)
    assert len(everything(standin, "/usage")) == store.select("SELECT count(*) AS n FROM ai_usage").to_pylist()[0]["n"]
    writer.close()
    store.close()


def test_a_platform_whose_clock_is_ahead_is_told_of(standin: str) -> None:
    clock = FixedClock(EPOCH)
    store = Store.open("duckdb:///:memory:", now=clock, threads=1)
    writer = Writer(store, clock, group_ms=1)
    writer.start()
    one = StreamReader(PlatformApi(SourceConfig(PACK, standin, "t")), "health", store, writer, clock)
    said = []
    for on in (False, True, False):
        answer = httpx.put(f"{standin}/faults/clock_skew", json={"on": on}, headers={"Authorization": "Bearer t"})
        assert answer.status_code == 200, answer.text
        clock.advance(timedelta(seconds=10))
        assert one.run().error is None
        rows = store.rows("source_checks", since=EPOCH - timedelta(days=1), now=clock.now())
        said += [(row["check_name"], row["status"], row["words"].partition(" of ")[0]) for row in rows]
    writer.close()
    store.close()
    right = (f"clock of {PACK}", "pass", "its clock agrees with ours")
    assert said == [right, (f"clock of {PACK}", "warn", "its clock is 25 min ahead"), right]
