"""`python -m collectors.standin`: stand-in platforms on loopback, until their standard input closes or SIGTERM comes."""

from __future__ import annotations

import argparse
import json
import socket
import sys
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import uvicorn

from collectors.standin.app import build
from collectors.standin.fault_file import keep
from collectors.standin.standin import StandIn
from roomleft.clock import Clock
from roomleft.errors import InputError, PackError, PortInUse, RoomleftError, SettingsError
from roomleft.packs import load_packs
from roomleft.timespan import parse_instant

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
DAYS_MAX = 730


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to stop. Returns the exit code; errors go to standard error."""
    try:
        _run(_arguments(argv))
    except RoomleftError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m collectors.standin", description=__doc__)
    parser.add_argument("--packs", required=True, help="platforms to play, separated by commas")
    parser.add_argument("--packs-dir", type=Path, default=ROOT / "packs", help="folder of the packs")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--token", help="bearer token; absent: the first line of standard input")
    parser.add_argument("--days", type=int, default=90, help="days of history before the epoch")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--epoch", type=_instant, help="where history ends and live begins; absent: --clock-virtual")
    parser.add_argument("--clock-real", type=_instant, help="wall-clock instant at which ...")
    parser.add_argument("--clock-virtual", type=_instant, help="... the clock shows this instant")
    parser.add_argument("--speed", type=float, default=1.0, help="virtual seconds a real second")
    parser.add_argument("--fault", action="append", default=[], metavar="[PLATFORM:]NAME", help="on from the start; repeatable")
    parser.add_argument("--fault-log", type=Path, help="file that remembers the faults of earlier runs")
    return parser.parse_args(argv)


def _instant(text: str) -> datetime:
    try:
        return parse_instant(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _run(arguments: argparse.Namespace) -> None:
    if not 1 <= arguments.days <= DAYS_MAX:
        raise SettingsError(f"--days {arguments.days} is not between 1 and {DAYS_MAX}", "collectors.standin", "90 is usual")
    if arguments.seed < 0 or not arguments.speed > 0:
        raise SettingsError("--seed may not be negative and --speed must be above 0", "collectors.standin", "7 and 1 are usual")
    clock = Clock(arguments.speed, arguments.clock_real, arguments.clock_virtual)
    platforms = _platforms(arguments, clock)
    token = arguments.token or sys.stdin.readline().strip()
    if not token:
        raise SettingsError("no token", "collectors.standin", "give --token, or write it as the first line of standard input")
    listener = _listen(arguments.port)
    app = build(platforms, token)
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1, lifespan="off")
    )

    def stop_when_input_ends() -> None:
        while sys.stdin.readline():
            pass
        server.should_exit = True

    threading.Thread(target=stop_when_input_ends, daemon=True).start()
    print(json.dumps({"url": f"http://{HOST}:{listener.getsockname()[1]}"}), flush=True)
    server.run(sockets=[listener])


def _platforms(arguments: argparse.Namespace, clock: Clock) -> dict[str, StandIn]:
    platforms: dict[str, StandIn] = {}
    for slug, pack in load_packs(arguments.packs_dir, arguments.packs.split(",")).items():
        if pack.standin is None:
            raise PackError("the pack has no standin section", f"{slug}.yaml", "add one, or leave the platform out of --packs")
        platforms[slug] = StandIn(pack.standin, arguments.seed, arguments.epoch or clock.virtual_origin, arguments.days, clock)
    if arguments.fault_log:
        logs = {slug: platform.faults for slug, platform in platforms.items()}
        keep(arguments.fault_log, logs)
    for asked in arguments.fault:
        slug, _, name = asked.rpartition(":")
        chosen = [p for s, p in platforms.items() if slug in ("", s) and name in p.faults.shapes]
        if not chosen:
            known = sorted({n for p in platforms.values() for n in p.faults.shapes})
            raise InputError(f"no platform has the fault {asked!r}", "--fault", f"known: {', '.join(known)}")
        for platform in chosen:
            platform.faults.switch(name, True, platform.now_us())
    return platforms


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise PortInUse(f"port {port} cannot be bound: {error.strerror}", f"{HOST}:{port}", "use --port 0") from error
    listener.listen(128)
    return listener


if __name__ == "__main__":
    sys.exit(main())
