"""The fault log on disk, so that a demo that is started again remembers which faults there were: what is past never changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from collectors.standin.faults import FOREVER, FaultLog, Window
from roomleft.errors import InputError


def keep(path: Path, logs: Mapping[str, FaultLog]) -> None:
    """Take up the windows kept in `path`, and from now on write every switch there.

    A fault that was on when the stand-in ended is still on: what lies between must read the same however often it is started.
    Raises InputError for a damaged file.
    """
    for slug, name, from_us, to_us in _read(path):
        if slug in logs and name in logs[slug].shapes:
            logs[slug].restore(Window(name, from_us, to_us))

    def write() -> None:
        windows = [[slug, w.name, w.from_us, w.to_us] for slug, log in logs.items() for w in log.switched()]
        draft = path.with_suffix(".tmp")
        draft.write_text(json.dumps(windows), encoding="utf-8")
        draft.replace(path)

    for log in logs.values():
        log.changed = write


def _read(path: Path) -> list[tuple[str, str, int, int]]:
    if not path.exists():
        return []
    try:
        return [
            (str(slug), str(name), int(begun), min(int(ended), FOREVER))
            for slug, name, begun, ended in json.loads(path.read_text())
        ]
    except (ValueError, TypeError) as error:
        raise InputError("the fault log is damaged", str(path), "remove it; readings of past faults will differ") from error
