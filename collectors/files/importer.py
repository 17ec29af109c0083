"""Files of usage, samples or business days as batches for the writer, or as NDJSON for a running server.

Rows without an id are known by the file's sha256 and their number, so the same file twice adds nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
import pyarrow as pa

from collectors.files.mapping import SHAPES, FileMapping, Times, mapping
from collectors.files.rows import FileRows, Row
from collectors.files.terms import split
from collectors.records.fields import Refusal, nearest
from collectors.records.refused import Normalised, RefusedRows
from collectors.records.samples_rows import samples_table
from collectors.records.small_rows import business_table
from collectors.records.usage_rows import usage_table
from roomleft.errors import InputError
from roomleft.platform_names import known_platform
from roomleft.timespan import parse_instant

BATCH_ROWS = 10_000
KINDS = ("usage", "samples", "charges", "business")


@dataclass(frozen=True)
class FileBatch:
    """Up to 10,000 rows of a file: `records` as canonical NDJSON, their row numbers, and the rows that could not be read at all."""

    records: bytes
    numbers: list[int]
    unreadable: list[tuple[int, Refusal]]


class ImportPlan:
    """An import, checked and ready. Iterate `batches()` (rows for the writer) or `ndjson()` (records for a server) once.

    `source` scopes the rows' ids. `used` says which column feeds which field, `unused` names the columns that are left out. `rows_read`,
    `rows_rejected` and (of these) `rows_unreadable` grow as the file is read; `total_rows` is known for Parquet only.
    """

    def __init__(
        self,
        rows: FileRows,
        as_: str,
        made: FileMapping,
        *,
        platform: str | None,
        known_platforms: Collection[str],
        now: datetime,
    ) -> None:
        self.path, self.sha256, self.total_rows = rows.path, rows.sha256, rows.total_rows
        self.as_, self.platform, self.now = as_, platform, now
        self.source = f"import:{platform}" if platform else "import"
        self.used = {name: term.text for name, term in sorted(made.feeds.items())} | {
            name: f"always {value}" for name, value in made.fixed.items()
        }
        self.unused = list(made.unused)
        self.rows_read = self.rows_rejected = self.rows_unreadable = 0
        self._rows, self._made, self._known = rows, made, known_platforms

    def ndjson(self) -> Iterator[FileBatch]:
        """The file as canonical records, not yet judged."""
        record_of = self._made.compile()
        gives_ids = self.as_ == "usage" and "id" not in self._made.feeds and "id" not in self._made.fixed
        rows = enumerate(self._rows, start=1)
        while batch := list(islice(rows, BATCH_ROWS)):
            lines, numbers, unreadable = [], [], []
            for number, row in batch:
                if isinstance(row, Refusal):
                    unreadable.append((number, row))
                    continue
                record = record_of(row)
                if gives_ids:
                    record["id"] = f"{self.sha256[:16]}:{number}"
                if self.as_ == "samples":
                    record.setdefault("value", None)
                lines.append(orjson.dumps(record, default=str))
                numbers.append(number)
            self.rows_read += len(batch)
            self.rows_rejected += len(unreadable)
            self.rows_unreadable += len(unreadable)
            yield FileBatch(b"\n".join(lines), numbers, unreadable)

    def batches(self) -> Iterator[Normalised]:
        """The file's rows in the warehouse's shape, and the refused ones with their row number as `line`."""
        who: dict[str, Any] = {"source": self.source, "platform": self.platform, "known_platforms": self._known, "now": self.now}
        for batch in self.ndjson():
            if self.as_ == "usage":
                judged = usage_table(batch.records, **who)
            elif self.as_ == "samples":
                judged = samples_table(batch.records, **who)
            else:
                judged = business_table([orjson.loads(line) for line in batch.records.split(b"\n") if line], **who)
            self.rows_rejected += judged.rejected.num_rows
            yield Normalised(judged.rows, self._rejected(batch, judged.rejected))

    def _rejected(self, batch: FileBatch, rejected: pa.Table) -> pa.Table:
        refused = RefusedRows(self.source, self.as_, self.now)
        for number, refusal in batch.unreadable:
            refused.add(refusal, number)
        lines = [batch.numbers[line - 1] for line in rejected.column("line").to_pylist()]
        table = pa.concat_tables([_column(rejected, "line", lines), refused.table()])
        # Rows without an id are told from the same line of another file by the file they are of.
        named = zip(table.column("event_id").to_pylist(), table.column("line").to_pylist(), strict=True)
        return _column(table, "event_id", [known or f"{self.sha256[:16]}:{line}" for known, line in named])


def _column(table: pa.Table, name: str, values: Sequence[object]) -> pa.Table:
    field = table.schema.field(name)
    return table.set_column(table.column_names.index(name), field, pa.array(values, field.type))


def import_file(
    path: Path,
    as_: str,
    *,
    known_platforms: Collection[str],
    now: datetime,
    platform: str | None = None,
    maps: str | Sequence[str] = (),
    sets: str | Sequence[str] = (),
    zone: str | None = None,
    start: str | datetime | None = None,
) -> ImportPlan:
    """Check an import and make it ready. Raises InputError for anything wrong with the file as a whole or with the options.

    `maps` and `sets` are comma-separated texts, or sequences of entries: COLUMN=FIELD (see `file_terms` for what COLUMN may be),
    COLUMN:VALUE=WORD, and FIELD=VALUE. `zone` is the IANA name for zoneless times, `start` the instant that relative times count from.
    """
    if as_ == "charges":
        raise InputError("bills cannot be imported yet", "--as charges", "usage, samples and business can")
    if as_ not in SHAPES:
        raise InputError(f"unknown kind {as_!r}{nearest(as_, KINDS)}", "--as", "one of usage, samples, business")
    known_platform(platform, known_platforms, "--platform")
    rows = FileRows(path)
    if rows.is_page and as_ != "samples":
        raise InputError("a metrics page holds samples", f"--as {as_}", "give --as samples")
    times = Times(_zone(zone), start if isinstance(start, datetime) else _instant(start) if start else None)
    first: list[Row] = list(islice(iter(rows), 1000))
    columns = list(dict.fromkeys(chain.from_iterable(row for row in first if isinstance(row, dict))))
    if not columns:
        raise InputError("the file has no rows that can be read", str(path), _first_fault(first))
    made = mapping(as_, columns, maps=_entries(maps), sets=_entries(sets), platform=platform, times=times, where=str(path))
    _check_times(made, first, str(path))
    if "platform" not in made.feeds and platform is None and "platform" not in made.fixed:
        raise InputError("the file does not say which platform its rows are of", str(path), "give --platform NAME")
    _check_names(made, str(path))
    rows.columns = sorted({column for term in made.feeds.values() for column in term.columns})
    return ImportPlan(rows, as_, made, platform=platform, known_platforms=known_platforms, now=now)


def _check_times(made: FileMapping, first: Sequence[Row], where: str) -> None:
    for name in made.shape.times:
        term = made.feeds.get(name)
        if term is None:
            if name == made.shape.times[0] and name not in made.fixed:
                free = ", ".join(made.unused[:12]) or "none left"
                raise InputError(f"no column feeds {name}", where, f"give --map COLUMN={name}; columns not used: {free}")
            continue
        value = next((found for row in first if isinstance(row, dict) and (found := term.value(row)) is not None), None)
        if value is not None:
            made.times.check(value, term.text, where)


def _check_names(made: FileMapping, where: str) -> None:
    """Every sample has a name and belongs to a part of the platform: a file that says neither would be refused row by row."""
    if made.shape is not SHAPES["samples"]:
        return
    for name, example in (("component", "database"), ("name", "cpu_percent")):
        if name not in made.feeds and name not in made.fixed:
            hint = f"give --set {name}={example}, or --map COLUMN={name}"
            raise InputError(f"the file does not say the {name} of its samples", where, hint)


def _first_fault(first: Sequence[Row]) -> str:
    return next((row.reason for row in first if isinstance(row, Refusal)), "it is empty")


def _entries(given: str | Sequence[str]) -> list[str]:
    texts = [given] if isinstance(given, str) else list(given)
    return [entry.strip() for text in texts for entry in split(text, ",") if entry.strip()]


def _instant(text: str) -> datetime:
    try:
        return parse_instant(text)
    except InputError as error:
        raise InputError(error.what, "--start", error.hint) from error


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(f"unknown time zone {name!r}", "--zone", "an IANA name such as UTC or Europe/Paris") from error
