"""Where a warehouse lives: a DuckDB file on this machine, or a DuckLake (catalog in PostgreSQL, Parquet in a folder)."""

from __future__ import annotations

import importlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from roomleft.errors import SettingsError

HINT = (
    "write duckdb:////absolute/path/warehouse.duckdb, or ducklake+postgresql://user@host:5432/database?data_path=/absolute/folder"
)
MEMORY = ":memory:"
LAKE_EXTENSIONS = ("postgres_scanner", "ducklake")


@dataclass(frozen=True, slots=True)
class FileAddress:
    """A DuckDB file, or `:memory:`."""

    path: str

    @property
    def where(self) -> str:
        return self.path

    @property
    def folder(self) -> Path | None:
        """The folder holding the file; None in memory."""
        return None if self.path == MEMORY else Path(self.path).parent

    @property
    def file(self) -> Path | None:
        """The file; None in memory."""
        return None if self.path == MEMORY else Path(self.path)

    @property
    def spill_folder(self) -> Path:
        """Where what does not fit in memory goes: beside the file."""
        return Path(self.path).parent / "spill"

    def attaching(self, version: str) -> list[str]:
        """The statements that attach it to an engine, as `warehouse`."""
        return [f"ATTACH {literal(self.path)} AS warehouse (TYPE duckdb)"]


@dataclass(frozen=True, slots=True)
class LakeAddress:
    """A DuckLake: the libpq words of its catalog, and the folder of its Parquet files."""

    catalog: str
    data_path: Path
    where: str

    @property
    def folder(self) -> Path:
        return self.data_path

    @property
    def file(self) -> Path | None:
        """A lake has many."""
        return None

    @property
    def spill_folder(self) -> Path:
        """Where what does not fit in memory goes: each process of a lake has its own, on its own machine."""
        return Path(tempfile.gettempdir()) / f"roomleft-spill-{os.getpid()}"

    def attaching(self, version: str) -> list[str]:
        """The statements that attach it to an engine of that version, as `warehouse`."""
        attach = f"ATTACH {literal('ducklake:postgres:' + self.catalog)} AS warehouse"
        return [
            *(f"LOAD {literal(_extension_file(name, version))}" for name in LAKE_EXTENSIONS),
            # Inlining is turned off here and not by set_option, which crashed DuckDB 1.5.5.
            f"{attach} (DATA_PATH {literal(str(self.data_path))}, DATA_INLINING_ROW_LIMIT 0)",
        ]


def parse_address(url: str) -> FileAddress | LakeAddress:
    """The address a URL names. `where` never holds a password. Raises SettingsError."""
    if url.startswith("duckdb:///"):
        path = unquote(url.removeprefix("duckdb:///"))
        if path == MEMORY or (path.startswith("/") and not path.endswith("/")):
            return FileAddress(path)
        raise SettingsError(f"{url!r} does not name an absolute file", "warehouse url", HINT)
    if url.startswith("ducklake+postgresql://"):
        return _lake(url)
    raise SettingsError(f"{url.split(':', 1)[0]!r} is not a kind of warehouse", "warehouse url", HINT)


def _lake(url: str) -> LakeAddress:
    try:
        parts = urlsplit(url)
        port = parts.port or 5432
    except ValueError as error:
        raise SettingsError(f"the address cannot be read: {error}", "warehouse url", HINT) from error
    options = parse_qs(parts.query)
    data_path = options.pop("data_path", [""])[-1]
    database = unquote(parts.path.lstrip("/"))
    # libpq also takes the host from the query (`?host=/var/run/postgresql`), which is how a socket folder is written.
    host = options.pop("host", [unquote(parts.hostname or "")])[-1]
    port_word = options.pop("port", [str(port)])[-1]
    if not data_path.startswith("/") or not database:
        raise SettingsError("a DuckLake needs a database and an absolute data_path", "warehouse url", HINT)
    words = {
        "dbname": database,
        "host": host,
        "port": port_word,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
    }
    words.update({key: values[-1] for key, values in options.items()})
    # DuckLake's retry recognises a lost race by the server's English text.
    words.setdefault("options", "-c lc_messages=C")
    catalog = " ".join(f"{key}={_quoted(value)}" for key, value in words.items() if value)
    return LakeAddress(catalog, Path(data_path), f"{host}:{port_word}/{database} with {data_path}")


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def literal(text: str) -> str:
    """`text` as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _extension_file(name: str, version: str) -> str:
    """The extension inside its Python package, loaded where it lies: nothing is downloaded or copied to a home folder."""
    package = importlib.import_module(f"duckdb_extension_{name}")
    return str(Path(str(package.__file__)).parent / "extensions" / f"v{version}" / f"{name}.duckdb_extension")
