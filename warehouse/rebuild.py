"""A warehouse's file written anew: rows that were deleted or changed leave their bytes in the old one.

The copy replaces the file only when it is whole and on the disk, by one rename: a crash before it leaves the old file, a crash after it the
new one. Nobody may have the file open meanwhile.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Protocol

from roomleft.errors import StoreError
from warehouse.address import literal

ENDING = ".rebuilding"


class Engine(Protocol):
    """An engine with nothing attached."""

    def execute(self, query: str) -> Any: ...

    def close(self) -> None: ...


def write_anew(path: Path, engine: Engine) -> None:
    """Copy every table of the warehouse at `path` into a new file, and put that in its place. Closes `engine`.

    Raises what the engine raises, StoreError and OSError; the old file is then as it was.
    """
    clear_drafts(path)
    draft = path.with_name(path.name + ENDING)
    try:
        try:
            engine.execute(f"ATTACH {literal(str(path))} AS old (TYPE duckdb, READ_ONLY)")
            engine.execute(f"ATTACH {literal(str(draft))} AS new (TYPE duckdb)")
            engine.execute("COPY FROM DATABASE old TO new")
            engine.execute("CHECKPOINT new")
            engine.execute("DETACH new")
            engine.execute("DETACH old")
        finally:
            engine.close()
        for log in (_log_of(path), _log_of(draft)):
            # A log beside the new file would be replayed into it.
            if log.exists():
                raise StoreError("the write-ahead log was not folded in", str(log), "try again")
        os.chmod(draft, path.stat().st_mode & 0o777)
        _sync(draft)
        draft.replace(path)
        _sync(path.parent)
    except BaseException:
        clear_drafts(path)
        raise


def clear_drafts(path: Path) -> None:
    """Remove what a copy that was cut off has left."""
    for draft in (path.with_name(path.name + ENDING), _log_of(path.with_name(path.name + ENDING))):
        draft.unlink(missing_ok=True)


def clear_folder(folder: Path) -> None:
    """Remove what engines that were killed have left in the folder they spill to. Only while no engine uses it."""
    if folder.is_dir():
        for left in folder.iterdir():
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink(missing_ok=True)


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
