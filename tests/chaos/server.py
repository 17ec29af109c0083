"""A real `serve` process that can be started, pushed to, and killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from roomleft import datadir
from roomleft.settings import ROOT

START_S = 60.0
JOBS_ALL_THE_TIME = {"ROOMLEFT_ROLL_UP_EVERY_S": "0.3", "ROOMLEFT_MEASURE_EVERY_S": "0.5"}
JOBS_AT_TIMES = {"ROOMLEFT_ROLL_UP_EVERY_S": "2", "ROOMLEFT_MEASURE_EVERY_S": "5"}
"""For those who neither kill a server at its work nor wait for it: jobs that run all the time keep a core busy."""


class Server:
    """`python -m roomleft serve` on a free port, with jobs that run all the time unless other `settings` are given."""

    def __init__(self, data_dir: Path, settings: Mapping[str, str] = JOBS_ALL_THE_TIME, start_s: float = START_S) -> None:
        self.start_s = start_s
        self.data_dir = data_dir
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None
        self.http: httpx.Client | None = None

    def start(self) -> None:
        """Start it and wait until it answers /healthz."""
        env = {key: value for key, value in os.environ.items() if not key.startswith("ROOMLEFT_")}
        env |= {"ROOMLEFT_DATA_DIR": str(self.data_dir), "ROOMLEFT_PORT": "0", **self.settings}
        log = (self.data_dir.parent / f"{self.data_dir.name}.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "roomleft", "serve"], cwd=ROOT, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
        log.close()
        deadline = time.monotonic() + self.start_s
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended by itself with {self.process.returncode}; see {self.data_dir}.log")
            note = datadir.running(self.data_dir)
            if note is not None and note.pid == self.process.pid:
                self.http = httpx.Client(
                    base_url=note.url, headers={"Authorization": f"Bearer {note.token}"}, timeout=30, trust_env=False
                )
                self.http.get("/healthz").raise_for_status()
                return
            time.sleep(0.02)
        raise AssertionError(f"the server did not answer within {self.start_s:g} s; see {self.data_dir}.log")

    def push(self, body: bytes) -> dict[str, Any] | None:
        """Push NDJSON; the answer if it was acknowledged, None if the server died or asked to wait."""
        assert self.http is not None
        try:
            response = self.http.post("/api/v1/usage", content=body, headers={"X-Roomleft-Source": "chaos"})
        except httpx.HTTPError:
            return None
        if response.status_code == 429:
            return None
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    def kill(self) -> None:
        """SIGKILL, and reap."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        if self.http is not None:
            self.http.close()

    def stop(self) -> None:
        """Ask it to end, as an operator would."""
        assert self.process is not None
        if self.http is not None:
            self.http.close()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0
