"""Rows of a CSV, Parquet or NDJSON file, one after another and never the whole file in memory; or the samples of a metrics page."""

from __future__ import annotations

import csv
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from collectors.files.pages import KINDS, page_rows
from collectors.records.fields import Refusal
from roomleft.errors import InputError

Row = dict[str, object] | Refusal
FORMATS = {".csv": "csv", ".tsv": "tsv", ".parquet": "parquet", ".ndjson": "ndjson", ".jsonl": "ndjson"}
FORMATS |= {".om": "openmetrics", ".openmetrics": "openmetrics", ".prom": "prometheus"}
READ_ROWS = 10_000


class FileRows:
    """A file as rows: dicts from column to value, or a Refusal for a row that cannot be read.

    `sha256` is of the file as it lies there. CSV values are strings; an empty one is None. Raises InputError for a file that is missing, of an
    unknown format or damaged. Set `columns` to read only those, where the format allows it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.format = _format(path)
        self.sha256 = _sha256(path)
        self.columns: list[str] | None = None
        self.total_rows = self._parquet().metadata.num_rows if self.format == "parquet" else None

    def __iter__(self) -> Iterator[Row]:
        try:
            yield from self._rows()
        except UnicodeDecodeError as error:
            raise InputError(f"the file is not UTF-8 text: {error.reason}", str(self.path), "save it as UTF-8") from error
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(f"the gzip file is damaged or cut short: {error}", str(self.path), "copy it again") from error
        except pa.ArrowException as error:
            raise InputError(f"the Parquet file is damaged: {error}", str(self.path), "copy it again") from error

    @property
    def is_page(self) -> bool:
        """Whether it is a metrics page: its rows are samples and can be nothing else."""
        return self.format in KINDS

    def _rows(self) -> Iterator[Row]:
        if self.is_page:
            with self._open() as file:
                yield from page_rows(self.path, file, self.format)
        else:
            yield from {"csv": self._csv, "tsv": self._csv, "parquet": self._parquet_rows, "ndjson": self._ndjson}[self.format]()

    def _open(self) -> IO[bytes]:
        if self.path.suffix == ".gz":
            return gzip.open(self.path, "rb")  # type: ignore[return-value]
        return self.path.open("rb")

    def _csv(self) -> Iterator[Row]:
        with self._open() as file:
            lines = (line.decode("utf-8-sig" if number == 0 else "utf-8") for number, line in enumerate(file))
            reader = csv.reader(lines, delimiter="\t" if self.format == "tsv" else ",", strict=True)
            try:
                header = next(reader, None)
                if not header:
                    raise InputError("the file is empty", str(self.path), "the first line must name the columns")
                if doubled := sorted({name for name in header if header.count(name) > 1}):
                    raise InputError(f"the column {doubled[0]!r} is there twice", str(self.path), "rename one of them")
                for cells in reader:
                    if not cells:
                        continue
                    if len(cells) != len(header):
                        yield Refusal(None, f"line {reader.line_num} has {len(cells)} cells, the header has {len(header)}")
                    else:
                        yield {name: cell if cell != "" else None for name, cell in zip(header, cells, strict=True)}
            except csv.Error as error:
                where = f"{self.path}: line {reader.line_num}"
                raise InputError(
                    f"not CSV: {error}", where, "rows before it may be stored already; the file can be imported again"
                ) from error

    def _parquet(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self.path)
        except pa.ArrowException as error:
            raise InputError(f"not a Parquet file: {error}", str(self.path), "is it complete?") from error

    def _parquet_rows(self) -> Iterator[Row]:
        with self._parquet() as file:
            for batch in file.iter_batches(batch_size=READ_ROWS, columns=self.columns):
                yield from batch.to_pylist()

    def _ndjson(self) -> Iterator[Row]:
        with self._open() as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                if number == 1 and line.lstrip()[:1] == b"[":
                    raise InputError(
                        "the file is one JSON array", str(self.path), "write one object per line, for example with jq -c '.[]'"
                    )
                try:
                    row = orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    yield Refusal(None, f"line {number} is not JSON: {error}")
                    continue
                yield row if isinstance(row, dict) else Refusal(None, f"line {number} is not a JSON object")


def _format(path: Path) -> str:
    if path.is_dir():
        raise InputError("this is a folder, not a file", str(path), "import its files one by one")
    if not path.exists():
        raise InputError("there is no such file", str(path), "check the path")
    name = path.with_suffix("") if path.suffix == ".gz" else path
    found = FORMATS.get(name.suffix.lower())
    if found is None or (found == "parquet" and path.suffix == ".gz"):
        raise InputError(
            f"{''.join(path.suffixes) or 'a file without an ending'} is not a known format",
            str(path),
            "CSV, TSV, Parquet, NDJSON (.ndjson, .jsonl), metrics pages (.om, .openmetrics, .prom); .gz except Parquet",
        )
    return found


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}", str(path), "check its permissions") from error
