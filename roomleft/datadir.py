"""The data folder: one kind of server each, and the note a running server leaves there so that commands find it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from roomleft.errors import RoomleftError, SettingsError, StoreError

KIND_FILE = "kind"
KINDS = ("demo", "serve")
SERVER_FILE = "server.json"


@dataclass(frozen=True, slots=True)
class RunningServer:
    """Where a running server is, and a token for commands on this machine."""

    url: str
    token: str
    pid: int


def claim(data_dir: Path, kind: str) -> None:
    """Make the folder, and make it a `demo` or a `serve` folder for good. The other command is refused there."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        mark = data_dir / KIND_FILE
        if mark.exists():
            found = mark.read_text(encoding="utf-8", errors="replace").strip()
            if found not in KINDS:
                raise SettingsError(
                    "this file says neither demo nor serve", str(mark), "write the one that the folder is for, alone on one line"
                )
            if found != kind:
                raise SettingsError(
                    f"this folder belongs to `{found}`, not `{kind}`",
                    str(data_dir),
                    "set ROOMLEFT_DATA_DIR to another folder: demo data and real data never mix",
                )
            return
        if kind == "demo" and (data_dir / "warehouse.duckdb").exists():
            raise SettingsError(
                "this folder already holds a warehouse", str(data_dir), "set ROOMLEFT_DATA_DIR to an empty folder"
            )
        mark.write_text(kind + "\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"the data folder cannot be written: {error.strerror}", str(data_dir), "check its owner, or set ROOMLEFT_DATA_DIR"
        ) from error


def announce(data_dir: Path, server: RunningServer, name: str = SERVER_FILE) -> None:
    """Write server.json (or `name`), readable by its owner only."""
    path = data_dir / name
    draft = path.with_suffix(".tmp")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump({"url": server.url, "token": server.token, "pid": server.pid}, file)
    draft.replace(path)


def withdraw(data_dir: Path, pid: int) -> None:
    """Remove server.json if this process wrote it."""
    found = running(data_dir, check=False)
    if found is not None and found.pid == pid:
        (data_dir / SERVER_FILE).unlink(missing_ok=True)


def running(data_dir: Path, *, check: bool = True, name: str = SERVER_FILE) -> RunningServer | None:
    """The server that announced itself there and whose process is alive; None otherwise."""
    try:
        note = json.loads((data_dir / name).read_text(encoding="utf-8"))
        server = RunningServer(str(note["url"]), str(note["token"]), int(note["pid"]))
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise StoreError("the data folder is not a folder", str(data_dir), "set ROOMLEFT_DATA_DIR to another path") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RoomleftError(
            "server.json cannot be read", str(data_dir / SERVER_FILE), "remove it and start the server again"
        ) from error
    return server if not check or _alive(server.pid) else None


def find(data_dir: Path | None) -> tuple[Path, RunningServer | None]:
    """The folder a command speaks of, and its server: the one named, else ./var, else ./var/demo."""
    if data_dir is not None:
        return data_dir, running(data_dir)
    places = [Path("var").resolve(), Path("var/demo").resolve()]
    for place in places:
        if (server := running(place)) is not None:
            return place, server
    for place in places:
        if (place / KIND_FILE).exists():
            return place, None
    return places[0], None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
