"""Forgetting a person: nothing is left that says who they were, and every sum stays.

Their calls stay under a pseudonym that leads to nobody. What goes is the link from person to pseudonym, and each text that names the person:
attributes and tags, refused rows, cursors, labels, words. Deleted rows leave their bytes in a file, so the files are written anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from roomleft.errors import InputError, StoreError
from warehouse.address import literal
from warehouse.naming_text import FORGOTTEN, SHORTEST, pattern, spellings, spotted
from warehouse.state.database import StateDb
from warehouse.state.erasing import accounts_named, erase_texts, rewrite
from warehouse.state.pseudonyms import Pseudonyms
from warehouse.store import Store, Transaction

INGEST = "ingest"
CHUNK = 1 << 20
LAKE = (
    "CALL ducklake_rewrite_data_files('warehouse', delete_threshold => 0)",
    "CALL ducklake_expire_snapshots('warehouse', older_than => now())",
    "CALL ducklake_cleanup_old_files('warehouse', cleanup_all => true)",
)
"""What a lake needs: files without deleted rows, no older state that needs the old files, and those gone."""
DELETED: Mapping[str, tuple[str, ...]] = {
    "rejected": ("event_id", "field", "reason", "content"),
    # Without a stream's newest cursor some of it is read again, and stored once.
    "cursors": ("position",),
}
TEXTS: Mapping[str, tuple[str, ...]] = {
    "health_checks": ("words",),
    "deploys": ("deploy_id", "title", "version"),
    "charges": ("line", "description"),
    "headroom": ("subject", "reason", "basis"),
    "forecast_runs": ("words", "details"),
    "anomalies": ("causes",),
    "evaluations": ("words",),
}
IDS: tuple[str, ...] = ("ai_usage", "cost_entries")
CALL_TEXTS = ("response_id", "prompt_hash")
SHARED = ("feature", "team", "project", "environment", "api_key_hash", "cost_centre")
"""Who a call counts for. A value that other people's calls carry too does not name one person: it stays, and is told."""
WHOSE = """
SELECT value, bool_and(theirs) AS theirs FROM (
    SELECT {column} AS value, coalesce({theirs}, false) AS theirs FROM ai_usage WHERE {named}
    UNION ALL
    SELECT {column}, false FROM usage_15m AS old WHERE {named} AND NOT EXISTS (SELECT 1 FROM ai_usage AS u WHERE u.{column} = old.{column})
) GROUP BY ALL
"""
MAPS: Mapping[str, tuple[str, ...]] = {"ai_usage": ("attributes", "tags"), "charges": ("tags",), "series": ("labels",)}


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was erased. `known`: they had a pseudonym; `erased`: rows by table; `rewritten`: the warehouse's file holds no old bytes;
    `left`: what still names them, in words."""

    known: bool
    erased: Mapping[str, int] = field(default_factory=dict)
    rewritten: bool = True
    left: tuple[str, ...] = ()


def forget(store: Store, state: StateDb, person: str, by: str, folder: Path | None = None) -> Forgotten:
    """Erase a person, as the platform names them. Other files in `folder` that name them are told. Doing it again is safe, and finishes what was cut off.

    While the files are written anew everybody else waits. Raises InputError for an empty id, StoreError and DiskFull when a file could not
    be written anew: the rows are erased then, and their bytes stay until it is done again.
    """
    if not person.strip():
        raise InputError("there is no id", "user", "name the person as the platform does")
    pseudonyms = Pseudonyms(state)
    pseudonym = pseudonyms.of_known(person)
    erased: dict[str, int] = {}
    left: set[str] = set()
    # Twice: what came in under the old pseudonym meanwhile is told by it, and nothing comes under it afterwards.
    for _ in range(2):
        for table, rows in store.run(lambda tx: _Erasing(tx, person, pseudonym, left).do(), fence=INGEST).items():
            erased[table] = erased.get(table, 0) + rows
        pseudonyms.forget(person, by)
    if changed := erase_texts(state, spotted(person), FORGOTTEN):
        erased["decisions, audit and job runs"] = changed
    left.update(accounts_named(state, spotted(person)))
    rewrite(state)
    rewritten = _rewritten(store, left)
    if folder is not None:
        own = {store.where, str(state.engine.url.database or "")}
        left.update(f"the file {path}" for path in files_naming(folder, person, {Path(each).name for each in own if each}))
    return Forgotten(
        pseudonym is not None, {table: rows for table, rows in erased.items() if rows}, rewritten, tuple(sorted(left))
    )


def files_naming(folder: Path, person: str, besides: Collection[str] = ()) -> list[str]:
    """The files below `folder` that hold a spelling of the id, but for databases named in `besides` and what they keep beside them."""
    wanted = [each.encode("utf-8", "replace") for each in spellings(person)]
    found: list[str] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
        if len(person) >= SHORTEST and not any(
            path.name in (name, f"{name}.wal", f"{name}-wal", f"{name}-shm") for name in besides
        ):
            with path.open("rb") as file:
                tail = b""
                while chunk := file.read(CHUNK):
                    if any(each in tail + chunk for each in wanted):
                        found.append(str(path.relative_to(folder)))
                        break
                    tail = chunk[-len(wanted[0]) :]
    return found


def _rewritten(store: Store, left: set[str]) -> bool:
    if not store.is_lake:
        return store.rebuild()
    try:
        for statement in LAKE:
            store.select(statement)
    except StoreError as error:
        left.add(f"old files of the lake: {error.what}")
        return False
    return True


class _Erasing:
    """One transaction that erases."""

    def __init__(self, tx: Transaction, person: str, pseudonym: str | None, left: set[str]) -> None:
        self._tx = tx
        self._any, self._own = literal(pattern(person)), literal(pattern(person, own=True))
        self._theirs = f"user_id = {literal(pseudonym)}" if pseudonym else "false"
        self._left = left
        self._erased: dict[str, int] = {}

    def do(self) -> dict[str, int]:
        for table, columns in DELETED.items():
            where = " OR ".join(self._names(column) for column in columns)
            self._count(table, f"DELETE FROM {table} WHERE {where}")
        for table, columns in TEXTS.items():
            for column in columns:
                self._count(table, f"UPDATE {table} SET {column} = {self._without(column)} WHERE {self._names(column)}")
        for table in IDS:
            # The hash stays: by it the rows of one call still find one another.
            new = f"'{FORGOTTEN}-' || lower(to_hex(id_hash))"
            self._count(table, f"UPDATE {table} SET event_id = {new} WHERE {self._names('event_id')}")
        for column in CALL_TEXTS:
            self._count("ai_usage", f"UPDATE ai_usage SET {column} = NULL WHERE {self._names(column)}")
        for column in SHARED:
            self._shared(column)
        for table, columns in MAPS.items():
            for column in columns:
                self._map(table, column)
        return self._erased

    def _shared(self, column: str) -> None:
        named = self._names(column)
        values = self._tx.execute(WHOSE.format(column=column, named=named, theirs=self._theirs))
        theirs = [value for value, only in zip(values["value"].to_pylist(), values["theirs"].to_pylist(), strict=True) if only]
        if len(theirs) < values.num_rows:
            self._left.add(f"a {column} of that name, which other calls carry too")
        if theirs:
            for table in ("ai_usage", "usage_15m"):
                # Both, so that the roll-up goes on saying what the calls say.
                words = ", ".join(literal(value) for value in theirs)
                self._count(table, f"UPDATE {table} SET {column} = '{FORGOTTEN}' WHERE {column} IN ({words})")

    def _map(self, table: str, column: str) -> None:
        # In quotes, as a short id must stand to be taken for a name.
        words = f"""'"' || array_to_string(list_concat(map_keys({column}), map_values({column})), '""') || '"'"""
        entries = f"map_entries({column})"
        if table == "series":
            # Labels keep their keys: the id of a series is made of them, and it must not be met as a new one.
            kept = f"list_transform({entries}, lambda e: {{'key': e.key, 'value': {self._without('e.value')}}})"
        else:
            kept = f"list_filter({entries}, lambda e: NOT ({self._names('e.key')} OR {self._names('e.value')}))"
        update = f"UPDATE {table} SET {column} = map_from_entries({kept}) WHERE cardinality({column}) > 0 AND "
        self._count(table, update + self._names(f"({words})"))
        if table == "ai_usage":
            self._count(
                table, update.replace(self._any, self._own) + f"{self._theirs} AND {self._names(f'({words})', self._own)}"
            )

    def _names(self, column: str, naming: str | None = None) -> str:
        return f"regexp_matches({column}, {naming or self._any}, 'i')"

    def _without(self, column: str) -> str:
        # Twice: two names with one sign between them share it.
        once = f"regexp_replace({column}, {self._any}, '\\1{FORGOTTEN}\\2', 'gi')"
        return f"regexp_replace({once}, {self._any}, '\\1{FORGOTTEN}\\2', 'gi')"

    def _count(self, table: str, statement: str) -> None:
        rows = int(self._tx.execute(statement)["Count"][0].as_py())
        self._erased[table] = self._erased.get(table, 0) + rows
