"""Fifty live viewers of nine pages, each asking once a second for what its page asks, over ten million events on disk, while usage is pushed."""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from analytics import signals
from roomleft import datadir
from roomleft.clock import FixedClock
from roomleft.packs import Pack, load_packs
from roomleft.settings import ROOT
from tests.benchmarks.browser import asked_of, signed_in_browser
from tests.benchmarks.ingest import prepare_prices
from tests.benchmarks.rows import fill, records
from tests.benchmarks.timing import Result, percentile
from tests.chaos.server import Server
from warehouse.rollup import roll_up
from warehouse.store import Store
from warehouse.tables import SAMPLES
from warehouse.writer import Batch, Writer

KEPT_IN = "ROOMLEFT_BENCH_DIR"
"""Names a folder where the filled warehouse is kept, so that a repeat need not make it again."""
PLATFORM = "scribe"
VIEWS = (
    "/",
    "/platforms/scribe",
    "/platforms/scribe/live",
    "/on-call",
    "/slos",
    "/cost",
    "/budgets",
    "/capacity",
    "/cost/economics",
)
VIEWERS, EVERY_S, LONG_S, WARM_S, ALONE_S, REPEATS = 50, 1.0, 20.0, 10.0, 15.0, 3
PUSHED = 100
"""Events of one push, twice a second."""
PUSHED_OF = timedelta(minutes=1)
"""How old the oldest of them is: live usage, not a history that is read."""


@dataclass
class Seen:
    """What came of one round."""

    refreshes_s: list[float] = field(default_factory=list)
    callbacks_s: list[float] = field(default_factory=list)
    pushes_s: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    bytes_in: int = 0
    cpu_s: float = 0.0


def live_viewers(folder: Path, events: int) -> list[Result]:
    """Three rounds; the figures are of the middle one by its p95."""
    home = folder / "live-viewers"
    home.mkdir()
    now = datetime.now(UTC)
    _warehouse(home / "warehouse.duckdb", events, now)
    server = Server(home, {"ROOMLEFT_PACKS": PLATFORM}, start_s=180)
    server.start()
    try:
        note = datadir.running(home)
        assert note is not None
        assert server.process is not None
        with signed_in_browser(note) as window:
            cookies = window.cookies()
            asks = {view: asked_of(window, view) for view in VIEWS}
        began = _cpu_s(server.process.pid)
        time.sleep(ALONE_S)
        alone = (_cpu_s(server.process.pid) - began) / ALONE_S
        rounds = []
        for turn in range(REPEATS + 1):
            seen = Seen()
            began = _cpu_s(server.process.pid)
            asyncio.run(_watch(note, cookies, asks, seen, WARM_S if turn == 0 else LONG_S, turn))
            seen.cpu_s = _cpu_s(server.process.pid) - began
            if turn:  # the first only warms
                rounds.append(seen)
    finally:
        server.stop()
    return _results(rounds, asks, events, alone)


def _results(rounds: list[Seen], asks: dict[str, list[bytes]], events: int, alone: float) -> list[Result]:
    def ms(values: list[float], q: float = 0.95) -> float:
        return percentile(values, q) * 1000

    worst = [ms(seen.refreshes_s) for seen in rounds]
    pushes = [ms(seen.pushes_s) for seen in rounds]
    callbacks = [seen.cpu_s / max(1, len(seen.callbacks_s)) * 1000 for seen in rounds]
    middle = sorted(rounds, key=lambda seen: ms(seen.refreshes_s))[len(rounds) // 2]
    failed = sum(n for seen in rounds for status, n in seen.statuses.items() if status >= 400)
    made = ", ".join(f"{n} × {status}" for status, n in sorted(middle.statuses.items()))
    requests = ", ".join(f"{view} {len(own)}" for view, own in asks.items())
    what = f"{VIEWERS} viewers at {1 / EVERY_S:g} Hz over {len(VIEWS)} views, {events / 1e6:g} M events on disk"
    spread = " / ".join(f"{each:.0f}" for each in worst)
    return [
        Result(f"{what}: a page's whole refresh, p95", f"{statistics.median(worst):.0f} ms ({spread})", "≤ 500 ms", statistics.median(worst) <= 500),
        Result("the same: one callback", f"p50 {ms(middle.callbacks_s, 0.5):.0f} ms, p95 {ms(middle.callbacks_s):.0f} ms", "report", None),
        Result(f"the same: a push of {PUSHED} events acknowledged, p95", f"{statistics.median(pushes):.0f} ms ({' / '.join(f'{each:.0f}' for each in pushes)})",
               "≤ 200 ms", statistics.median(pushes) <= 200),
        Result("the same: processor time of the whole server a callback", f"{statistics.median(callbacks):.1f} ms", "report", None),
        Result("the same: processor", f"{middle.cpu_s / LONG_S:.2f} cores ({alone:.2f} before, with nobody there); {middle.bytes_in / LONG_S / 1e6:.2f} MB/s answered", "report", None),
        Result("the same: answers", made, "none ≥ 400", failed == 0),
        Result("questions of a refresh, which travel in one request", requests, "report", None),
    ]  # fmt: skip


async def _watch(
    note: datadir.RunningServer, cookies: dict[str, str], asks: dict[str, list[bytes]], seen: Seen, long_s: float, turn: int
) -> None:
    until = time.monotonic() + long_s
    viewers = [_viewer(note, cookies, asks[VIEWS[n % len(VIEWS)]], seen, n, until) for n in range(VIEWERS)]
    await asyncio.gather(*viewers, _pusher(note, seen, until, turn))


async def _viewer(
    note: datadir.RunningServer, cookies: dict[str, str], bodies: list[bytes], seen: Seen, number: int, until: float
) -> None:
    csrf = next((value for name, value in cookies.items() if "csrf" in name), "")
    head = {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()), "x-csrftoken": csrf, "origin": note.url}
    link = Link(note.url, head)
    shown = [""] * len(bodies)
    tick = 0
    await asyncio.sleep(number / VIEWERS * EVERY_S)
    while time.monotonic() < until:
        began, tick = time.monotonic(), tick + 1
        asked = [each.replace(b'"TICK"', str(tick).encode()) for each in bodies]
        items = [b'{"shown":"%s","body":%s}' % (mark.encode(), each) for mark, each in zip(shown, asked, strict=True)]

        def heard(head: str, began: float = began) -> None:
            which, status, mark = head.split()
            seen.callbacks_s.append(time.monotonic() - began)
            seen.statuses[int(status)] = seen.statuses.get(int(status), 0) + 1
            shown[int(which)] = "" if mark == "-" else mark

        status, size = await link.post("/_dash-update-component", b'{"asked":[%s]}' % b",".join(items), {}, heard)
        assert status == 200, status
        seen.bytes_in += size
        took = time.monotonic() - began
        seen.refreshes_s.append(took)
        # A browser asks again when its time has come, never before it was answered.
        await asyncio.sleep(max(0.0, EVERY_S - took))
    link.close()


async def _pusher(note: datadir.RunningServer, seen: Seen, until: float, turn: int) -> None:
    link = Link(note.url, {"authorization": f"Bearer {note.token}", "x-roomleft-source": "bench"})
    pushed = 0
    while time.monotonic() < until:
        made = records(PUSHED, datetime.now(UTC), 1_000_000 * (turn + 1) + pushed, PUSHED_OF)
        body = b"\n".join(orjson.dumps(record) for record in made)
        began = time.monotonic()
        status, _ = await link.post("/api/v1/usage", body, {"content-type": "application/x-ndjson"})
        seen.pushes_s.append(time.monotonic() - began)
        seen.statuses[status] = seen.statuses.get(status, 0) + 1
        pushed += 1
        await asyncio.sleep(0.5)
    link.close()


class Link:
    """One kept-alive HTTP connection; as little work as can be, because it shares the machine with what is measured."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._host, _, self._port = url.removeprefix("http://").partition(":")
        lines = {
            "host": f"{self._host}:{self._port}",
            "accept-encoding": "gzip, deflate, br",
            "content-type": "application/json",
            **headers,
        }
        self._lines = lines
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(
        self, path: str, body: bytes, more: dict[str, str], heard: Callable[[str], None] | None = None
    ) -> tuple[int, int]:
        """Status, and the bytes of the body. `heard` is given the first of each two lines as they come."""
        if self._streams is None or self._streams[0].at_eof():
            self._streams = await asyncio.open_connection(self._host, int(self._port))
        reader, writer = self._streams
        lines = {**self._lines, **more, "content-length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        said = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in said[1:] if line)}
        unzip = zlib.decompressobj(wbits=31) if headers.get("content-encoding") == "gzip" else None
        size, text = 0, b""
        while True:
            if headers.get("transfer-encoding") == "chunked":
                length = int((await reader.readuntil(b"\r\n")).strip(), 16)
                part = (await reader.readexactly(length + 2))[:-2]
            else:
                part = await reader.readexactly(int(headers.get("content-length", 0)))
            size += len(part)
            text += unzip.decompress(part) if unzip else part
            while heard and text.count(b"\n") >= 2:
                first, _, text = text.split(b"\n", 2)
                heard(first.decode())
            if not part or "content-length" in headers:
                return int(said[0].split(" ")[1]), size

    def close(self) -> None:
        """Let it go."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _warehouse(path: Path, events: int, now: datetime) -> None:
    """`events` of ninety days, rolled up, and the newest day's readings of every signal. What was made before today is made again."""
    kept = os.environ.get(KEPT_IN)
    source = Path(kept) / f"viewers-{events}-{now:%Y%m%d}.duckdb" if kept else path
    if not source.exists():
        source.parent.mkdir(parents=True, exist_ok=True)
        draft = source.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        store = Store.open(f"duckdb:///{draft}", now=FixedClock(now))
        prepare_prices(store, now)
        fill(store, events, now)
        roll_up(store, now)
        store.close()
        draft.replace(source)
    if source != path:
        shutil.copyfile(source, path)
    store = Store.open(f"duckdb:///{path}", now=FixedClock(now))
    writer = Writer(store, FixedClock(now))
    writer.start()
    writer.submit(Batch("bench", samples=_readings(load_packs(ROOT / "packs", [PLATFORM])[PLATFORM], now))).result(120)
    writer.close()
    roll_up(store, now)
    store.close()


def _readings(pack: Pack, now: datetime, span: timedelta = timedelta(hours=24)) -> pa.Table:
    """A reading a minute of every series that the pack's signals name."""
    rows: list[dict[str, Any]] = []
    minutes = int(span / timedelta(minutes=1))
    for signal in pack.signals:
        for number, name in enumerate(signals.names_of([signal])):
            rows += [
                {
                    "platform": pack.slug, "component": signal.component, "name": name, "labels": [],
                    "observed_at": now - timedelta(minutes=minutes - turn), "value": float(100 + number * 10 + turn % 60),
                }
                for turn in range(minutes)
            ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=SAMPLES)
