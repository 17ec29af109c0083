"""From `demo` to a full dashboard: seconds until /readyz, and the memory of the server then."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx

from roomleft import datadir
from roomleft.settings import ROOT
from tests.benchmarks.timing import Result

LONGEST_S = 300.0


def demo(folder: Path) -> list[Result]:
    """Run the demo in an empty folder until it is ready."""
    data_dir = folder / "demo"
    env = {key: value for key, value in os.environ.items() if not key.startswith("ROOMLEFT_")} | {
        "ROOMLEFT_DATA_DIR": str(data_dir)
    }
    began = time.perf_counter()
    with (folder / "demo.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "roomleft", "demo", "--port", "0"], cwd=ROOT, env=env, stdout=log, stderr=log
        )
    opened = ready = None
    try:
        while ready is None and time.perf_counter() - began < LONGEST_S:
            time.sleep(0.1)
            note = datadir.running(data_dir)
            if note is None:
                assert process.poll() is None, (folder / "demo.log").read_text()
                continue
            opened = opened or time.perf_counter() - began
            if httpx.get(note.url + "/readyz", trust_env=False, timeout=30).status_code == 200:
                ready = time.perf_counter() - began
        memory_mb = _resident_mb(process.pid)
    finally:
        process.terminate()
        process.wait(60)
    ready_words = f"{ready:.0f} s" if ready else f"not within {LONGEST_S:g} s"
    return [
        Result(
            "from `demo` to a page that opens",
            f"{opened:.1f} s" if opened else "never",
            "≤ 10 s",
            opened is not None and opened <= 10,
        ),
        Result(
            "from `demo` to a full dashboard (90 days back-filled, rolled up, measured)",
            ready_words,
            "≤ 60 s",
            ready is not None and ready <= 60,
        ),
        Result("resident memory of the server then", f"{memory_mb:.0f} MB", "≤ 700 MB", memory_mb <= 700),
    ]


def _resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return float("nan")
