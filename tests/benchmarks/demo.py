"""From `demo` to a full dashboard: when today's data shows, when all is read, how fast that is, and the memory it takes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from roomleft import datadir
from roomleft.settings import ROOT
from tests.benchmarks.timing import Result

LONGEST_S = 400.0
LOOK_EVERY_S = 0.5
"""Looking costs the server time too."""


@dataclass
class Seen:
    """Seconds from the start until each thing was first seen."""

    opened: float | None = None
    today: float | None = None
    read: float | None = None
    ready: float | None = None
    events: int = 0
    rows: int = 0
    memory_mb: dict[str, float] = field(default_factory=dict)
    cpu_s: dict[str, float] = field(default_factory=dict)


def demo(folder: Path) -> list[Result]:
    """Run the demo of all packs in an empty folder until it is ready."""
    data_dir = folder / "demo"
    env = {key: value for key, value in os.environ.items() if not key.startswith("ROOMLEFT_")} | {
        "ROOMLEFT_DATA_DIR": str(data_dir)
    }
    began = time.perf_counter()
    with (folder / "demo.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "roomleft", "demo", "--port", "0"], cwd=ROOT, env=env, stdout=log, stderr=log
        )
    seen = Seen()
    try:
        while seen.ready is None and time.perf_counter() - began < LONGEST_S:
            time.sleep(LOOK_EVERY_S)
            note = datadir.running(data_dir)
            if note is None:
                assert process.poll() is None, (folder / "demo.log").read_text()
                continue
            _look(note, seen, lambda: time.perf_counter() - began)
        for name, pid in (("server", process.pid), ("stand-in", _child(process.pid))):
            seen.memory_mb[name], seen.cpu_s[name] = _highest_mb(pid), _cpu_s(pid)
    finally:
        process.terminate()
        process.wait(60)
    return _results(seen)


def _look(note: datadir.RunningServer, seen: Seen, elapsed: Any) -> None:
    seen.opened = seen.opened or elapsed()
    with httpx.Client(
        base_url=note.url, trust_env=False, timeout=60, headers={"Authorization": f"Bearer {note.token}"}
    ) as client:
        answer = client.get("/readyz")
        steps = {step["name"]: step["done"] for step in answer.json()["steps"]}
        if seen.today is None:
            asked = "SELECT count(DISTINCT platform) AS n FROM usage_15m WHERE bucket >= now() - INTERVAL 1 DAY"
            played = "SELECT count(DISTINCT platform) AS n FROM series WHERE component = 'collector'"
            shown, there = (_count(client, sql) for sql in (asked, played))
            seen.today = elapsed() if shown and shown == there else None
        if seen.read is None and steps["back-fill"]:
            seen.read = elapsed()
            counts = [_count(client, f"SELECT count(*) AS n FROM {name}") for name in ("ai_usage", "samples", "health_checks")]
            seen.events, seen.rows = counts[0], sum(counts)
        seen.ready = elapsed() if answer.status_code == 200 else None


def _count(client: httpx.Client, sql: str) -> int:
    return int(client.post("/api/v1/sql", json={"query": sql}).raise_for_status().json()["rows"][0]["n"])


def _results(seen: Seen) -> list[Result]:
    def within(seconds: float | None, most: float) -> tuple[str, str, bool]:
        return (f"{seconds:.1f} s" if seconds else "never", f"≤ {most:g} s", seconds is not None and seconds <= most)

    filling_s = (seen.read or LONGEST_S) - (seen.opened or 0.0)
    speed = f"{seen.events / filling_s:,.0f} events/s, {seen.rows / filling_s:,.0f} rows/s ({seen.rows:,} rows)"
    cpu = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in seen.cpu_s.items())
    server, standin = seen.memory_mb["server"], seen.memory_mb["stand-in"]
    return [
        Result("from `demo` to a page that opens", *within(seen.opened, 10)),
        Result("from `demo` to today's usage of every platform", *within(seen.today, 15)),
        Result("from `demo` to a full dashboard (90 days back-filled, rolled up, measured)", *within(seen.ready, 60)),
        Result("back-fill of all platforms", speed, "≥ 20,000 events/s", seen.events / filling_s >= 20_000),
        Result("processor time until then", cpu, "≤ 120 s together", sum(seen.cpu_s.values()) <= 120),
        Result("highest memory of the server", f"{server:.0f} MB", "≤ 1500 MB", server <= 1500),
        Result("highest memory of the stand-ins", f"{standin:.0f} MB", "≤ 700 MB", standin <= 700),
    ]


def _child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _highest_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
