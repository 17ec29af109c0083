"""The one door to the warehouse, and the only module that imports duckdb."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pandas as pd
import pyarrow as pa

from roomleft.clock import Now
from roomleft.errors import DiskFull, QueryRefused, QueryTimeout, RoomleftError, StoreConflict, StoreError
from warehouse import gate
from warehouse.address import FileAddress, LakeAddress, literal, parse_address
from warehouse.arrivals import Arrivals
from warehouse.faults import explain
from warehouse.migrate import FOLDER as MIGRATIONS
from warehouse.migrate import migrate
from warehouse.rebuild import clear_drafts, clear_folder, write_anew
from warehouse.rows import QUERIES, as_rows, query_text
from warehouse.turns import Turns

__all__ = ["QUERIES", "Store", "Transaction", "as_rows"]
T = TypeVar("T")
MAX_ATTEMPTS = 12
REBUILD_PATIENCE_S = 60.0


class Transaction:
    """Work that is stored as a whole or not at all. Made by `Store.transaction` and `Store.run`; belongs to one thread.

    Temporary tables and registered names last as long as the transaction.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, where: str, is_lake: bool) -> None:
        self._cursor = cursor
        self._where = where
        self.is_lake = is_lake

    def execute(self, sql: str, params: Mapping[str, object] | None = None) -> pa.Table:
        """Runs one statement with `$name` parameters; its rows, complete (for INSERT, DELETE and UPDATE one row: Count)."""
        return _fetch(self._cursor, sql, params, self._where)

    def script(self, sql: str) -> None:
        """Runs several statements, one after another, without parameters."""
        with _explained(self._where):
            for statement in self._cursor.extract_statements(sql):
                self._cursor.execute(statement)

    def register(self, name: str, table: pa.Table) -> None:
        """Lets SQL in this transaction read an Arrow table under `name`."""
        unsigned = [field.name for field in table.schema if pa.types.is_uint64(field.type)]
        if not unsigned:
            self._cursor.register(name, table)
            return
        # A join's filter on an unsigned column is handed to Arrow as a Python int, which fails from 2**63 on. xor keeps it out.
        self._cursor.register(f"{name}_arrow", table)
        plain = ", ".join(f"xor({column}, 0::UBIGINT) AS {column}" for column in unsigned)
        self.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * REPLACE ({plain}) FROM {name}_arrow")

    def insert(self, table: str, rows: pa.Table) -> int:
        """Appends Arrow rows, matched by column name (a column left out is NULL); how many."""
        self._cursor.register("rows_to_insert", rows)
        try:
            self.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows_to_insert")
        finally:
            self._cursor.unregister("rows_to_insert")
        return int(rows.num_rows)


class Store:
    """A warehouse: facts, rollups and bookkeeping, in a DuckDB file or a DuckLake. Instants are UTC.

    Safe to use from any thread: each reads with a cursor of its own, each transaction has one of its own. A file belongs to one process.
    """

    def __init__(
        self, engine: Callable[[], duckdb.DuckDBPyConnection], address: FileAddress | LakeAddress, now: Now, rng: random.Random
    ) -> None:
        self.is_lake = isinstance(address, LakeAddress)
        self.where = address.where
        self.now = now
        self._address = address
        self._engine = engine
        self._root = _attached(engine(), address)
        self._turns = Turns(self.where)
        self._rng = rng
        self._local = threading.local()
        self._cursors: list[tuple[threading.Thread, duckdb.DuckDBPyConnection]] = []
        self._guard = threading.Lock()
        self._fences: dict[str, threading.RLock] = {}
        self.arrivals = Arrivals()
        self._closed = False

    @classmethod
    def open(
        cls,
        url: str,
        *,
        now: Now,
        memory_limit: str = "1GB",
        threads: int | None = None,
        migrations: Path = MIGRATIONS,
        rng: random.Random | None = None,
    ) -> Store:
        """Opens (or makes) the warehouse at `url`, brings its schema up to date and locks the engine down.

        `duckdb:////abs/warehouse.duckdb`, `duckdb:///:memory:` or `ducklake+postgresql://user@host:port/db?data_path=/abs/folder`.
        Raises SettingsError for another url, StoreLocked, StoreCorrupt, SchemaTooNew, DiskFull, StoreError.
        """
        address = parse_address(url)
        threads = threads or os.cpu_count() or 1
        store = cls(lambda: _engine(address, memory_limit, threads), address, now, rng or random.Random())
        try:
            if address.file is not None:
                clear_drafts(address.file)
            migrate(store.run, now.now(), store.where, migrations)
            _lock_down(store._root, address)
        except BaseException:
            store.close()
            raise
        return store

    # Reading

    def query(self, name: str, /, **params: object) -> pa.Table:
        """The rows of `warehouse/queries/<name>.sql` with `$name` parameters, as Arrow."""
        return self.select(query_text(name), params)

    def rows(self, name: str, /, **params: object) -> list[dict[str, Any]]:
        """The same as dicts: money as Decimal, instants as aware UTC datetimes, maps as dicts."""
        return as_rows(self.query(name, **params))

    def frame(self, name: str, /, **params: object) -> pd.DataFrame:
        """The same as a DataFrame: money as Decimal objects, instants as datetime64[us, UTC]."""
        return self.query(name, **params).to_pandas()

    def select(self, sql: str, params: Mapping[str, object] | None = None) -> pa.Table:
        """The rows of SQL that our own code composed. A person's SQL goes through `ask`."""
        with self._turns.together():
            return _fetch(self._cursor(), sql, params, self.where)

    def ask(self, sql: str, *, row_limit: int = 10_000, time_limit_s: float = 10.0, see_users: bool = False) -> pa.Table:
        """A person's question (see `warehouse.gate`) over the warehouse's tables, read-only, at most `row_limit` rows and `time_limit_s` seconds.

        Raises QueryRefused for anything else and for what the engine refuses, UsersHidden without `see_users` for tables that tell what single
        users cost, QueryTimeout when it takes longer.
        """
        with self._turns.together():
            return self._ask(sql, row_limit, time_limit_s, see_users)

    def _ask(self, sql: str, row_limit: int, time_limit_s: float, see_users: bool) -> pa.Table:
        question = gate.check(sql, self.parsed, self._tables(), see_users)
        cursor = self._new_cursor()
        timed_out = threading.Event()

        def stop() -> None:
            timed_out.set()
            cursor.interrupt()

        timer = threading.Timer(time_limit_s, stop)
        timer.start()
        try:
            select = self.select("SELECT json_deserialize_sql($tree) AS text", {"tree": question.tree})["text"][0].as_py()
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            return _fetch(cursor, f"SELECT * FROM ({question.composed(select)}) LIMIT {int(row_limit)}", None, gate.WHERE)
        except RoomleftError as error:
            if timed_out.is_set():
                raise QueryTimeout(
                    f"it took longer than {time_limit_s:g} s", "your question", "ask for a shorter time or fewer columns"
                ) from error
            if type(error) is StoreError:
                raise QueryRefused(
                    error.what, gate.WHERE, "correct the question; DESCRIBE TABLE lists a table's columns"
                ) from error
            raise
        finally:
            timer.cancel()
            cursor.close()

    def parsed(self, sql: str) -> str:
        """The engine's tree of a query as JSON. Nothing is asked."""
        return str(
            self.select("SELECT json_serialize_sql($sql, skip_null := true, skip_default := true) AS tree", {"sql": sql})["tree"][
                0
            ]
        )

    def _tables(self) -> list[str]:
        names: list[str] = self.select("SELECT table_name FROM information_schema.tables WHERE table_catalog = 'warehouse'")[
            0
        ].to_pylist()
        return names

    # Writing

    @contextmanager
    def transaction(self, fence: str | None = None) -> Iterator[Transaction]:
        """A transaction: committed when the block ends, rolled back when it raises. Raises StoreConflict, DiskFull, StoreError.

        `fence` names exclusive work: no two transactions of one name run at once, in this process or (on DuckLake) in any other,
        where the second to commit gets StoreConflict; `run` tries again.
        """
        # The turn comes first: who waits for a fence must not hold up whoever has it and comes back for a second turn.
        with self._turns.together(), self._process_fence(fence):
            if fence is not None and self.is_lake:
                self._ensure_fence(fence)
            cursor = self._new_cursor()
            try:
                with _explained(self.where):
                    cursor.execute("BEGIN TRANSACTION")
                tx = Transaction(cursor, self.where, self.is_lake)
                try:
                    if fence is not None and self.is_lake:
                        tx.execute("UPDATE fences SET turns = turns + 1 WHERE name = $name", {"name": fence})
                    yield tx
                except BaseException:
                    with suppress(duckdb.Error):
                        cursor.execute("ROLLBACK")
                    raise
                with _explained(self.where):
                    cursor.execute("COMMIT")
            finally:
                cursor.close()

    def run(self, work: Callable[[Transaction], T], *, fence: str | None = None) -> T:
        """`work` in a transaction, done again from the start when another writer was first. Raises StoreConflict after 12 attempts."""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                with self.transaction(fence) as tx:
                    return work(tx)
            except StoreConflict:
                if attempt == MAX_ATTEMPTS:
                    raise
                time.sleep(self._rng.uniform(0, min(2.0, 0.02 * 2**attempt)))
        raise AssertionError("unreachable")

    def rebuild(self) -> bool:
        """Writes the file anew, so that no byte of a row that was deleted or changed is left in it; False where there is no file.

        Everybody else waits meanwhile. Raises StoreError when somebody does not let go, DiskFull; the file is then as it was.
        """
        path = self._address.file
        if path is None:
            return False
        with self._turns.alone(REBUILD_PATIENCE_S), _explained(self.where):
            self._let_go()
            try:
                clear_folder(path.parent / "spill")
                write_anew(path, self._engine())
            finally:
                with self._guard:
                    if not self._closed:
                        self._root = _attached(self._engine(), self._address)
                        _lock_down(self._root, self._address)
        return True

    def close(self) -> None:
        """Stops what still runs and lets the file go. Closing twice is fine."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
        self._let_go()

    def _let_go(self) -> None:
        with self._guard:
            cursors = [cursor for _, cursor in self._cursors]
            self._cursors.clear()
            self._local = threading.local()
        for cursor in cursors:
            with suppress(duckdb.Error):
                cursor.interrupt()
                cursor.close()
        with suppress(duckdb.Error):
            # Folds the write-ahead log into the file, so that the next start has nothing to replay.
            self._root.execute("CHECKPOINT warehouse" if not self.is_lake else "SELECT 1")
        self._root.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Cursors and fences

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        cursor: duckdb.DuckDBPyConnection | None = getattr(self._local, "cursor", None)
        if cursor is None:
            cursor = self._new_cursor()
            self._local.cursor = cursor
            with self._guard:
                gone = [(thread, old) for thread, old in self._cursors if not thread.is_alive()]
                self._cursors = [(thread, old) for thread, old in self._cursors if thread.is_alive()]
                self._cursors.append((threading.current_thread(), cursor))
            for _, old in gone:
                old.close()
        return cursor

    def _new_cursor(self) -> duckdb.DuckDBPyConnection:
        if self._closed:
            raise StoreError("the warehouse is closed", self.where)
        with _explained(self.where):
            cursor = self._root.cursor()
            cursor.execute("USE warehouse")
        return cursor

    @contextmanager
    def _process_fence(self, fence: str | None) -> Iterator[None]:
        if fence is None:
            yield
            return
        with self._guard:
            # DuckLake finds conflicts by table, so there all fenced work of a process takes turns instead of failing at commit.
            lock = self._fences.setdefault("lake" if self.is_lake else fence, threading.RLock())
        with lock:
            yield

    def _ensure_fence(self, fence: str) -> None:
        """The fence's row must be committed before it can be fought over: two inserts never conflict, two updates do."""
        if self.select("SELECT 1 FROM fences WHERE name = $name", {"name": fence}).num_rows == 0:
            with self.transaction() as tx:
                tx.execute("INSERT INTO fences VALUES ($name, 0)", {"name": fence})


@contextmanager
def _explained(where: str) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise explain(error, where) from error
    except OSError as error:
        if error.errno == 28:
            raise DiskFull(
                "the disk is full; nothing of this was stored", where, "free space: the writer goes on by itself"
            ) from error
        raise


def _fetch(cursor: duckdb.DuckDBPyConnection, sql: str, params: Mapping[str, object] | None, where: str) -> pa.Table:
    with _explained(where):
        # Fetched whole: a result left open blocks the cursor's next statement.
        return cursor.execute(sql, dict(params) if params else None).to_arrow_table()


def _engine(address: FileAddress | LakeAddress, memory_limit: str, threads: int) -> duckdb.DuckDBPyConnection:
    # Both kinds are attached to an empty engine in memory, so that everything after this is the same for both.
    root = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": memory_limit,
            "threads": str(threads),
        },
    )
    try:
        with _explained(address.where):
            root.execute("SET GLOBAL TimeZone = 'UTC'")
            root.execute("SET GLOBAL checkpoint_threshold = '64MB'")
            if address.folder is not None:
                address.folder.mkdir(parents=True, exist_ok=True)
                root.execute(f"SET GLOBAL temp_directory = {literal(str(address.spill_folder))}")
    except BaseException:
        root.close()
        raise
    return root


def _attached(root: duckdb.DuckDBPyConnection, address: FileAddress | LakeAddress) -> duckdb.DuckDBPyConnection:
    try:
        with _explained(address.where):
            for statement in address.attaching(duckdb.__version__):
                root.execute(statement)
            root.execute("USE warehouse")
    except BaseException:
        root.close()
        raise
    return root


def _lock_down(root: duckdb.DuckDBPyConnection, address: FileAddress | LakeAddress) -> None:
    """From here on SQL reaches the warehouse and nothing else: no file, no network, no further ATTACH, no setting."""
    with _explained(address.where):
        if isinstance(address, LakeAddress):
            root.execute(f"SET GLOBAL allowed_directories = [{literal(str(address.data_path))}]")
        root.execute("SET GLOBAL enable_external_access = false")
        root.execute("SET GLOBAL lock_configuration = true")
