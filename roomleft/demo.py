"""The demo: a stand-in platform in a process of its own, and the clock it shares with the server."""

from __future__ import annotations

import contextlib
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from select import select

from roomleft.clock import Clock
from roomleft.datadir import RunningServer, announce
from roomleft.errors import RoomleftError
from roomleft.settings import ROOT, Source
from roomleft.timespan import parse_instant

START_TIMEOUT_S = 30.0
DEMO_FILE = "demo.json"
FAULT_LOG = "faults.json"
STAND_IN_FILE = "standin.json"
SEED = 7


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What a demo folder plays: fixed when the folder is made, so that starting again goes on with the same platform."""

    packs: tuple[str, ...]
    days: int
    seed: int
    epoch: str
    """RFC 3339; the instant before which there are `days` of history."""
    newest: str
    """The latest time this demo's clock is known to have shown."""


def plan(data_dir: Path, packs: Sequence[str], days: int, wall: datetime) -> DemoPlan:
    """The folder's plan, made now if there is none. Asking for other packs or days than it holds is an error."""
    path = data_dir / DEMO_FILE
    if not path.exists():
        made = DemoPlan(tuple(packs), days, SEED, wall.isoformat(), wall.isoformat())
        save(data_dir, made)
        return made
    kept = kept_plan(data_dir)
    if (kept.packs, kept.days) != (tuple(packs), days):
        raise RoomleftError(
            f"this folder plays {', '.join(kept.packs)} over {kept.days} days",
            str(path),
            f"ask for that, remove {data_dir}, or set ROOMLEFT_DATA_DIR to another folder",
        )
    return kept


def is_kept(data_dir: Path) -> bool:
    """Whether a demo was played in this folder before."""
    return (data_dir / DEMO_FILE).exists()


def kept_plan(data_dir: Path) -> DemoPlan:
    """The plan that a demo folder holds. Raises RoomleftError when it is damaged or absent."""
    path = data_dir / DEMO_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return DemoPlan(tuple(found["packs"]), int(found["days"]), int(found["seed"]), str(found["epoch"]), str(found["newest"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RoomleftError("this file is damaged", str(path), "remove the demo folder to begin a new demo") from error


def save(data_dir: Path, made: DemoPlan) -> None:
    """Keep the plan in the folder."""
    draft = data_dir / (DEMO_FILE + ".tmp")
    draft.write_text(json.dumps(asdict(made)), encoding="utf-8")
    draft.replace(data_dir / DEMO_FILE)


def demo_clock(made: DemoPlan, speed: float, wall: datetime) -> Clock:
    """A clock that never runs behind what the demo has already shown: an accelerated demo goes on where it stopped."""
    return Clock(speed, real_origin=wall, virtual_origin=max(wall, parse_instant(made.newest)))


@contextlib.contextmanager
def stand_in(
    made: DemoPlan, clock: Clock, faults: Sequence[str], packs_dir: Path, data_dir: Path
) -> Iterator[tuple[Source, ...]]:
    """Run the stand-in for the block. Yields one source a platform. Raises RoomleftError if it does not come up.

    While it runs, its address and token lie in `data_dir` for the command that switches faults.
    """
    token = secrets.token_urlsafe(24)
    command = [
        sys.executable,
        "-m",
        "collectors.standin",
        "--packs-dir",
        str(packs_dir),
        "--packs",
        ",".join(made.packs),
        "--port",
        "0",
    ]
    command += ["--days", str(made.days), "--seed", str(made.seed), "--epoch", made.epoch, "--speed", repr(clock.speed)]
    command += ["--clock-real", clock.real_origin.isoformat(), "--clock-virtual", clock.virtual_origin.isoformat()]
    command += ["--fault-log", str(data_dir / FAULT_LOG)]
    for fault in faults:
        command += ["--fault", fault]
    # The token goes through the pipe: a command line can be read by every user of the machine.
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdin is not None
        process.stdin.write(token + "\n")
        process.stdin.flush()
        url = _address(process)
        announce(data_dir, RunningServer(url, token, process.pid), STAND_IN_FILE)
        yield tuple(Source(slug, f"{url}/{slug}", token) for slug in made.packs)
    finally:
        (data_dir / STAND_IN_FILE).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            assert process.stdin is not None
            process.stdin.close()  # The stand-in ends when its input does.
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    ready, _, _ = select([process.stdout], [], [], START_TIMEOUT_S)
    line = process.stdout.readline() if ready else ""
    try:
        return str(json.loads(line)["url"]).rstrip("/")
    except (ValueError, KeyError) as error:
        raise RoomleftError(
            "the stand-in platform did not start",
            "python -m collectors.standin",
            "its own message is above; run `bin/roomleft check`",
        ) from error


def wall_clock() -> datetime:
    """The wall's time, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)
