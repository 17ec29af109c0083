"""What the engine's errors mean to a person, read from its text (it has no codes for these)."""

from __future__ import annotations

import re

from roomleft.errors import DiskFull, RoomleftError, StoreConflict, StoreCorrupt, StoreError, StoreLocked

LOCKED = re.compile(
    r"Could not set lock on file|being used by another process|already attached|is already open|Unique file handle conflict", re.I
)
HOLDER = re.compile(r"\(PID (\d+)\)")
CORRUPT = re.compile(
    r"not a valid DuckDB database|database file version|corrupt|checksum|magic bytes|Failed to deserialize|Failure while replaying WAL"
    r"|could not read enough bytes|No such magic",
    re.I,
)
FULL = re.compile(r"No space left on device|ENOSPC|disk full|Disk quota exceeded|max_temp_directory_size", re.I)
CONFLICT = re.compile(
    r"Transaction conflict|write-write conflict|Conflict on (?:update|tuple deletion)|could not serialize|Catalog write-write"
    r"|(?:reverted|altered|modified|dropped|changed) by a concurrent transaction",
    re.I,
)
UNREACHABLE = re.compile(
    r"Unable to connect to Postgres|could not connect to server|Connection refused|server closed the connection", re.I
)


def explain(error: Exception, where: str) -> RoomleftError:
    """The Roomleft error an engine error stands for. `where` is the file or catalog, without a password."""
    text = str(error)
    first_line = text.strip().splitlines()[0] if text.strip() else type(error).__name__
    if FULL.search(text):
        return DiskFull("the disk is full; nothing of this was stored", where, "free space: the writer goes on by itself")
    if CONFLICT.search(text):
        return StoreConflict("another writer changed the same rows first", where, "the same work may be done again")
    if LOCKED.search(text):
        holder = HOLDER.search(text)
        who = f"process {holder[1]}" if holder else "a process"
        return StoreLocked(
            f"the warehouse file is open in {who}",
            where,
            "one process owns the file: stop that one, or ask it: `bin/roomleft sql` and `status` find a server that runs",
        )
    if CORRUPT.search(text):
        return StoreCorrupt(
            f"this is not a warehouse, or it is damaged: {first_line}", where, "restore a backup, or name another file"
        )
    if UNREACHABLE.search(text):
        return StoreError("the catalog's PostgreSQL cannot be reached", where, "start it, or correct the warehouse url")
    return StoreError(first_line, where)
