"""Which entries of the audit an address asks for, and the file of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from datetime import datetime

from dashboards.deed_words import deed_words, deeds_in, group_of
from dashboards.exports import safe
from dashboards.filters import Filters
from warehouse.state import Audit, AuditEntry
from warehouse.state.audit import Asked

PATH = "/audit"
CSV_PATH = "/export/audit.csv"
API = "/api/v1/audit"
NONE_SUCH = "\x00"
"""A deed that nobody can have done: for a group of which there is none yet."""
COLUMNS = ("id", "at", "who", "group", "what", "words", "detail")
CHUNK_ROWS = 500


def asked_of(filters: Filters, audit: Audit, wall: datetime) -> Asked:
    """The entries of an address: its range, `who`, `what` (a group, or one kind of deed), `q`."""
    since, until = filters.span(wall)
    chosen = filters.get("what")
    deeds: list[str] = []
    if chosen:
        known = audit.names()[1]
        deeds = deeds_in(chosen, known) or ([chosen] if chosen in known else [NONE_SUCH])
    # The newest second too: what was done just now is what somebody looks for.
    end = until if filters.is_over(wall) else None
    return Asked(filters.get("who")[:200], tuple(deeds), since, end, filters.get("q")[:200])


def number(text: str) -> int | None:
    """An entry's id in an address; None for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None


def entry_document(entry: AuditEntry) -> Mapping[str, object]:
    """One entry for programs."""
    told = {"id": entry.id, "at": entry.at, "who": entry.who, "what": entry.what}
    return {**told, "group": group_of(entry.what), "words": deed_words(entry), "detail": entry.detail}


def as_csv(entries: Iterator[AuditEntry]) -> Iterator[str]:
    """Every entry, a line each, in pieces; texts that a spreadsheet would run get an apostrophe before them."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for count, entry in enumerate(entries, start=1):
        told = {**entry_document(entry), "detail": json.dumps(entry.detail, sort_keys=True, ensure_ascii=False)}
        writer.writerow([safe(told[name]) for name in COLUMNS])
        if count % CHUNK_ROWS == 0:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()
