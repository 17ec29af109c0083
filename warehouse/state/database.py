"""The door to the state database: a SQLite file by default, PostgreSQL by URL. Opens, migrates, and gives transactions."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError

from roomleft.clock import Now
from roomleft.errors import DiskFull, SchemaTooNew, StoreCorrupt, StoreError, StoreLocked

MIGRATIONS = Path(__file__).parent / "alembic"
BUSY_TIMEOUT_MS = 15_000
MIGRATION_LOCK = 0x726F6F6D6C656674
"""The advisory lock on PostgreSQL: "roomleft" in ASCII."""


class StateDb:
    """People, sign-in, leases and job runs: small, transactional, shared by every server of one installation.

    `now` tells the wall's time even where a demo's clock runs fast: links, sessions and leases are about real people and
    processes. All errors are StoreError (StoreLocked, StoreCorrupt, SchemaTooNew, DiskFull) with what, where and hint.
    """

    def __init__(self, engine: Engine, now: Now, where: str) -> None:
        self.engine = engine
        self.clock = now
        self.where = where
        self.is_sqlite = engine.dialect.name == "sqlite"
        self.access_turn = 0
        """Counts what this process changed about who may do what: whoever remembers an answer to that asks again when it has moved."""
        self._writing = engine.execution_options(roomleft_begin="BEGIN IMMEDIATE")

    @classmethod
    def open(cls, url: str, now: Now) -> StateDb:
        """Open `sqlite:////abs/state.db` or `postgresql://user@host:port/db`, creating and migrating it as needed.

        Processes that open the same database together migrate it once. A database written by a newer program is refused
        with SchemaTooNew and left as it is.
        """
        parsed = _parse(url)
        where = parsed.render_as_string(hide_password=True)
        if parsed.get_backend_name() == "sqlite":
            db = cls(_sqlite_engine(parsed, where), now, where)
        else:
            db = cls(_postgres_engine(parsed), now, where)
        try:
            db._migrate(parsed)
        except BaseException:
            db.close()
            raise
        return db

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with self._errors(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes: commits on exit, rolls back on error. On SQLite it takes the write lock at once,
        because a reader that later wants to write cannot wait for another writer."""
        with self._errors(), self._writing.begin() as connection:
            yield connection

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise _translated(error, self.where) from error

    def _migrate(self, url: URL) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        with _file_lock(url) if self.is_sqlite else _no_lock():
            if self.is_sqlite:
                # Under the file lock: of processes that switch a new file to WAL together, one in 240 got "locked" at once.
                with self._errors(), self.engine.connect() as connection:
                    connection.connection.driver_connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[union-attr]
            with self.write() as connection:
                if not self.is_sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
                current = MigrationContext.configure(connection).get_current_revision()
                script = ScriptDirectory.from_config(config)
                known = {revision.revision for revision in script.walk_revisions()}
                if current is not None and current not in known:
                    raise SchemaTooNew(
                        f"the state database is at revision {current}, which this program does not know",
                        self.where,
                        "run the newer Roomleft that wrote it, or restore a backup",
                    )
                if current != script.get_current_head():
                    config.attributes["connection"] = connection
                    command.upgrade(config, "head")


def _parse(url: str) -> URL:
    hint = "write sqlite:////absolute/path/state.db or postgresql://user@host:5432/database"
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError("the state database's URL cannot be read", "state URL", hint) from error
    backend = parsed.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise StoreError(f"state cannot be kept in {backend}", parsed.render_as_string(hide_password=True), hint)
    if backend == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise StoreError("the state database needs a file: memory is lost and cannot be shared", str(parsed), hint)
    return parsed


def _sqlite_engine(url: URL, where: str) -> Engine:
    path = Path(url.database or "")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Names of people and hashes of secrets: for the owner's eyes. The -wal and -shm files take the mode after it.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(
            f"the state database cannot be opened: {error.strerror}", where, "check the path and its permissions"
        ) from error
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late for DDL and for IMMEDIATE
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA synchronous=NORMAL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("roomleft_begin", "BEGIN"))

    return engine


def _postgres_engine(url: URL) -> Engine:
    options = f"-c timezone=UTC -c lock_timeout={BUSY_TIMEOUT_MS}"
    given = url.query.get("options")
    options = f"{given} {options}" if isinstance(given, str) else options
    return create_engine(
        url.update_query_dict({"options": options}),
        pool_pre_ping=True,
        pool_size=5,
        max_overflow=10,
        connect_args={"connect_timeout": 10},
    )


@contextmanager
def _file_lock(url: URL) -> Iterator[None]:
    with Path(f"{url.database}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _no_lock() -> Iterator[None]:
    yield


def _translated(error: Exception, where: str) -> StoreError:
    """The same failure as an error of ours. The driver's own words are kept, as they name what it saw."""
    original = error.orig if isinstance(error, DBAPIError) else error
    words = (str(original).strip().splitlines() or [type(error).__name__])[0]
    state = getattr(original, "sqlstate", None)
    lowered = words.lower()
    if state == "53100" or "disk is full" in lowered or "no space left" in lowered:
        return DiskFull(
            "the disk holding the state database is full; nothing of this was saved", where, "free some space, then try again"
        )
    if state in ("55P03", "40P01", "40001") or "database is locked" in lowered or "database table is locked" in lowered:
        return StoreLocked(
            "the state database stayed locked by someone else", where, "look for a backup or a second program that holds it open"
        )
    if "not a database" in lowered or "malformed" in lowered or "already exists" in lowered:
        return StoreCorrupt(
            f"this is not a Roomleft state database, or it is damaged: {words}", where, "restore a backup, or name another file"
        )
    if isinstance(error, DBAPIError) and (
        error.connection_invalidated or (state is None and type(original).__name__ == "OperationalError")
    ):
        return StoreError(
            f"the state database cannot be reached: {words}",
            where,
            "check that it runs, its address, its user and its permissions",
        )
    return StoreError(f"the state database refused: {words}", where, "see the log; if it repeats, please report it")
