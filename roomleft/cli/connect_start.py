"""From a written pack to figures: hand it to the running server or start one, and wait for what it measures first."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from roomleft.cli.ask import status_table
from roomleft.cli.client import Client
from roomleft.cli.output import err
from roomleft.datadir import RunningServer, running
from roomleft.errors import PackError, RoomleftError
from roomleft.settings import SETTINGS, Settings

Rows = list[dict[str, Any]]
PATIENCE_S = 60.0
"""How long to wait for the first figures."""
QUIET_MEASUREMENTS = 1.5
"""When some figures are there and so many measurements brought no other, the rest needs more history than a first look gives."""
SHORTEST_QUIET_S = 3.0
LOOK_EVERY_S = 0.5
START_S = 60.0
PORT_FILE = "port"
"""In the data folder: the port that a server there moved to because the usual one was taken."""


def hand_over(server: RunningServer, slug: str) -> list[RoomleftError]:
    """Have the server read its packs again. The faults of other packs, which stay as they were. Raises PackError if it refused this one."""
    answer = Client(server).post("/api/v1/packs/reload")
    others: list[RoomleftError] = []
    for refused in answer["refused"]:
        faults = [PackError(fault["what"], fault["where"], fault["hint"]) for fault in refused["faults"]]
        if refused["pack"] == slug:
            raise faults[0]
        others += faults
    return others


def first_figures(
    server: RunningServer, slug: str, wanted: Collection[str], measure_every_s: float, patience_s: float = PATIENCE_S
) -> Rows:
    """The platform's limits as soon as each of `wanted` (all of them if empty) is measured, or when waiting longer is of no use."""
    client = Client(server, timeout_s=20.0)
    quiet_s = max(SHORTEST_QUIET_S, QUIET_MEASUREMENTS * measure_every_s)
    began = changed = time.monotonic()
    known: set[str] = set()
    rows: Rows = []
    while True:
        rows = client.get("/api/v1/headroom", platform=slug)
        measured = {row["limit_id"] for row in rows if row["state"] != "unknown"}
        if measured != known:
            known, changed = measured, time.monotonic()
        now = time.monotonic()
        needed = set(wanted) or {row["limit_id"] for row in rows}
        if needed <= measured or now - began >= patience_s or (known & needed and now - changed >= quiet_s):
            return rows
        time.sleep(LOOK_EVERY_S)


def source_faults(server: RunningServer, slug: str) -> list[RoomleftError]:
    """What is wrong with the platform's sources at this moment."""
    found = Client(server, timeout_s=20.0).get("/api/v1/sources")
    return [
        RoomleftError(each["words"], each["address"], each["hint"])
        for each in found
        if each["platform"] == slug and each["state"] == "failing"
    ]


def tell_figures(server: RunningServer, slug: str, rows: Rows) -> None:
    """The figures as a table, and why what is missing is missing."""
    shown = [row for row in rows if row["platform"] == slug]
    if any(row["state"] != "unknown" for row in shown):
        status_table(shown, short=True)
    missing = [row for row in shown if row["state"] == "unknown"]
    for fault in source_faults(server, slug):
        err.print(f"not read: {fault}", style="bold", soft_wrap=True, markup=False)
    if missing:
        err.print(f"{len(missing)} of {len(shown)} limits have no figure yet; `bin/roomleft status` says why.", soft_wrap=True)


def serve_and_tell(settings: Settings, tell: Callable[[RunningServer], None]) -> None:
    """Serve in this process until interrupted; `tell` runs beside it once the server answers."""
    from roomleft.cli.run import run_serving

    taken = _default_is_taken(settings)
    if taken and kept_port(settings) is None:
        err.print(
            f"Port {settings.port} is taken, so a free one is used, here and from now on; the setting `port` names another.",
            soft_wrap=True,
        )
        settings = replace(settings, port=0)

    def beside() -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            server = running(settings.data_dir)
            if server is not None and server.pid == os.getpid():
                if settings.port == 0:
                    (settings.data_dir / PORT_FILE).write_text(str(urlsplit(server.url).port), encoding="utf-8")
                try:
                    tell(server)
                except RoomleftError as error:
                    err.print(str(error), soft_wrap=True, markup=False)
                return
            time.sleep(0.1)

    threading.Thread(target=beside, name="first figures", daemon=True).start()
    run_serving(settings)


def with_a_free_port(settings: Settings) -> Settings:
    """The settings, with the port this folder's server once had to move to, when nobody names one and the usual one is taken."""
    kept = kept_port(settings)
    return replace(settings, port=kept) if kept is not None and _default_is_taken(settings) else settings


def kept_port(settings: Settings) -> int | None:
    """The port that `connect` found for this folder's server, so that bookmarks and what pushes to it go on working."""
    try:
        port = int((settings.data_dir / PORT_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return port if 0 < port < 65536 else None


def _default_is_taken(settings: Settings) -> bool:
    default = next(setting.default for setting in SETTINGS if setting.name == "port")
    return settings.port == default and not _is_free(settings.host, settings.port)


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError:
            return False
        return True
