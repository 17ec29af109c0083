"""Forgetting a person: no byte of any file names them, every sum stays, the server goes on meanwhile."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
from sqlalchemy import insert, inspect

from roomleft.clock import FixedClock
from roomleft.errors import InputError, RoomleftError, StoreError
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.state import state_url
from tests.warehouse.rows import NOON, make_samples, make_usage
from warehouse import rebuild, tables
from warehouse.forget import forget
from warehouse.naming_text import FORGOTTEN
from warehouse.rollup import roll_up
from warehouse.state import Audit, Pseudonyms, StateDb, Terms, Users
from warehouse.state.erasing import TEXTS
from warehouse.state.principals import Role
from warehouse.store import Store
from warehouse.writer import Batch, Cursor, Writer

PERSON = "pat.doe@example.org"
ENCODED = "pat.doe%40example.org"
SECOND = timedelta(seconds=1)


@dataclass
class Kept:
    """A data folder in use."""

    folder: Path
    store: Store
    state: StateDb
    writer: Writer

    def bytes_with(self, word: str) -> list[str]:
        """The files that hold a word, in any case."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return [path.name for path in files if word.lower().encode() in path.read_bytes().lower()]

    def figures(self) -> list[dict[str, object]]:
        """What finance sees."""
        roll_up(self.store, NOON + timedelta(days=1), ["UTC"])
        calls = "SELECT count(*) AS calls, sum(input_uncached_tokens)::BIGINT AS tokens, count(DISTINCT user_id) AS people FROM ai_usage"
        costs = "SELECT sum(cost_usd) AS usd, count(DISTINCT (source, event_id)) AS priced FROM cost_entries"
        buckets = "SELECT sum(requests)::BIGINT AS calls, sum(cost_usd) AS usd FROM usage_15m"
        joined = "SELECT count(*) AS joined FROM ai_usage JOIN cost_entries USING (source, event_id, id_hash)"
        return [row for sql in (calls, costs, buckets, joined) for row in self.store.select(sql).to_pylist()]


@pytest.fixture
def kept(tmp_path: Path, clock: FixedClock) -> Iterator[Kept]:
    store = Store.open(f"duckdb:///{tmp_path}/warehouse.duckdb", now=clock)
    state = StateDb.open(state_url(tmp_path), clock)
    writer = Writer(store, clock, pseudonyms=Pseudonyms(state), group_ms=0)
    writer.start()
    yield Kept(tmp_path, store, state, writer)
    writer.close()
    store.close()
    state.close()


def name_everywhere(kept: Kept, person: str = PERSON, encoded: str = ENCODED) -> None:
    """A person, in every place that their id may have got into."""
    theirs = [
        {
            "event_id": f"call:{person}:{number}", "occurred_at": NOON + number * SECOND, "user_id": person, "team": f"team of {person}",
            "attributes": [("path", f"/api/users/{person}/images"), ("query", f"who={encoded}"), ("client", "web")],
            "tags": [("owner", person), (person, "yes"), ("kind", "trial")], "response_id": f"r-{person}-{number}",
        }
        for number in range(40)
    ]  # fmt: skip
    others = [
        {
            "event_id": f"other-{number}", "occurred_at": NOON + number * SECOND, "user_id": f"user-{number}", "team": "red",
            "attributes": [("note", f'copied to "{person}", with thanks'), ("client", "app")], "tags": [("kind", "paid")],
        }
        for number in range(40)
    ]  # fmt: skip
    refused = {
        "source": "atelier", "stream": "usage", "reason": f"odd: {person}", "event_id": f"bad-{person}",
        "content": f'{{"path": "/api/users/{person}"}}',
    }  # fmt: skip
    kept.writer.write(
        Batch(
            "atelier",
            usage=make_usage([*theirs, *others], input_uncached_tokens=100),
            samples=make_samples([1.0, 2.0], labels={"user": person, "path": f"/u/{encoded}"}),
            rejected=pa.Table.from_pylist(
                [refused, {**refused, "reason": "odd", "event_id": "b", "content": "{}"}], tables.REJECTED
            ),
            cursor=Cursor("atelier", "usage", f"after {person}"),
        )
    )
    Audit(kept.state).add("owner", "looked at a user", {"user": person})
    Terms(kept.state).add("limit", f"user:{person}", {"user": person}, who="owner", valid_from=NOON, note=f"for {person}")
    alerted(kept.state, person)


def alerted(state: StateDb, person: str) -> None:
    """Every table of alerting with a person in each text that may hold one."""
    with state.write() as connection:
        for model, texts in TEXTS:
            if model.__module__ != "warehouse.state.models_alerting":
                continue
            row: dict[str, object] = {}
            for column in inspect(model).columns:
                if column.nullable or (column.primary_key and column.autoincrement is True):
                    continue
                kind = type(column.type).__name__
                row[column.name] = NOON if kind == "UtcDateTime" else "plain" if kind == "Text" else 1
            row |= {column.key: f"text of {person}" for column in texts}
            connection.execute(insert(model).values(row))


def test_no_byte_of_the_data_folder_names_a_forgotten_person(kept: Kept) -> None:
    name_everywhere(kept)
    (kept.folder / "reports").mkdir()
    before = kept.figures()
    assert {"state.db-wal", "warehouse.duckdb.wal"} & set(kept.bytes_with(PERSON))
    pseudonym = Pseudonyms(kept.state).of_known(PERSON)
    done = forget(kept.store, kept.state, PERSON, "owner", kept.folder)
    assert (done.known, done.rewritten, done.left) == (True, True, ())
    assert kept.bytes_with(PERSON) == kept.bytes_with(ENCODED) == []
    assert kept.bytes_with("pat.doe") == []
    assert kept.figures() == before
    assert pseudonym is not None
    assert Pseudonyms(kept.state).people([pseudonym]) == {}
    assert done.erased["rejected"] == 1
    said = [entry for entry in Audit(kept.state).recent() if entry.what == "forgot a user"]
    assert [(entry.who, entry.detail) for entry in said] == [("owner", {})]


def test_what_names_nobody_stays(kept: Kept) -> None:
    name_everywhere(kept)
    forget(kept.store, kept.state, PERSON, "owner")
    calls = kept.store.select("SELECT DISTINCT team, attributes, tags FROM ai_usage ORDER BY team").to_pylist()
    assert calls == [
        {"team": FORGOTTEN, "attributes": [("client", "web")], "tags": [("kind", "trial")]},
        {"team": "red", "attributes": [("client", "app")], "tags": [("kind", "paid")]},
    ]
    assert kept.store.select("SELECT reason FROM rejected").to_pylist() == [{"reason": "odd"}]
    labels = dict(kept.store.select("SELECT labels FROM series").to_pylist()[0]["labels"])
    assert labels == {"user": FORGOTTEN, "path": f"/u/{FORGOTTEN}"}


def test_a_forgotten_person_who_comes_again_is_somebody_new(kept: Kept) -> None:
    name_everywhere(kept)
    before = Pseudonyms(kept.state).of_known(PERSON)
    forget(kept.store, kept.state, PERSON, "owner")
    kept.writer.write(Batch("atelier", usage=make_usage(1, start=NOON + timedelta(hours=1), user_id=PERSON)))
    after = Pseudonyms(kept.state).of_known(PERSON)
    assert after is not None
    assert after != before
    found = kept.store.select("SELECT user_id, count(*) AS calls FROM ai_usage WHERE event_id = 'e-0' GROUP BY ALL").to_pylist()
    assert found == [{"user_id": after, "calls": 1}]


def test_forgetting_again_finishes_what_was_cut_off(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    name_everywhere(kept)

    def cut_off(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(rebuild, "_sync", cut_off)
        with pytest.raises((OSError, RoomleftError)):
            forget(kept.store, kept.state, PERSON, "owner")
    assert kept.store.select("SELECT count(*) AS n FROM ai_usage")["n"][0].as_py() == 80
    assert not [path for path in kept.folder.iterdir() if rebuild.ENDING in path.name]
    again = forget(kept.store, kept.state, PERSON, "owner")
    assert (again.known, again.rewritten) == (False, True)
    assert kept.bytes_with(PERSON) == []


def test_a_draft_that_a_crash_left_is_removed_at_the_next_start(tmp_path: Path, clock: FixedClock) -> None:
    url = f"duckdb:///{tmp_path}/warehouse.duckdb"
    Store.open(url, now=clock).close()
    draft = tmp_path / f"warehouse.duckdb{rebuild.ENDING}"
    draft.write_bytes(b"half of a copy")
    Store.open(url, now=clock).close()
    assert not draft.exists()


def test_an_id_that_is_part_of_another_is_not_that_one(kept: Kept) -> None:
    rows = [
        {"event_id": f"e-{who}", "occurred_at": NOON, "user_id": who, "attributes": [("who", who)], "team": who}
        for who in ("user-1", "user-12", "xuser-1")
    ]
    kept.writer.write(Batch("atelier", usage=make_usage(rows)))
    forget(kept.store, kept.state, "user-1", "owner")
    found = kept.store.select("SELECT attributes, team FROM ai_usage ORDER BY team").to_pylist()
    assert found == [
        {"attributes": [], "team": FORGOTTEN},
        {"attributes": [("who", "user-12")], "team": "user-12"},
        {"attributes": [("who", "xuser-1")], "team": "xuser-1"},
    ]


def test_a_short_id_takes_no_numbers_of_others_with_it(kept: Kept) -> None:
    attributes = [("version", "7.1"), ("user", "7"), ("path", "/u/7/x")]
    rows = [{"event_id": f"e-{who}", "occurred_at": NOON, "user_id": who, "attributes": attributes} for who in ("7", "8")]
    refused = [
        {"source": "atelier", "stream": "usage", "reason": "odd", "content": content}
        for content in ('{"images":7}', '{"user":"7"}')
    ]
    kept.writer.write(Batch("atelier", usage=make_usage(rows), rejected=pa.Table.from_pylist(refused, tables.REJECTED)))
    forget(kept.store, kept.state, "7", "owner")
    found = kept.store.select("SELECT event_id, attributes FROM ai_usage ORDER BY event_id").to_pylist()
    assert [row["attributes"] for row in found] == [[], [("version", "7.1"), ("path", "/u/7/x")]]
    assert kept.store.select("SELECT content FROM rejected").to_pylist() == [{"content": '{"images":7}'}]


def test_a_value_that_others_carry_too_stays_and_is_told(kept: Kept) -> None:
    rows = [
        {"event_id": f"e-{who}", "occurred_at": NOON, "user_id": who, "project": "lighthouse"} for who in ("lighthouse", "ada")
    ]
    kept.writer.write(Batch("atelier", usage=make_usage(rows)))
    Users(kept.state).add("lighthouse", Role.ADMIN)
    (kept.folder / "notes.json").write_text('{"user": "lighthouse"}')
    done = forget(kept.store, kept.state, "lighthouse", "owner", kept.folder)
    assert kept.store.select("SELECT DISTINCT project FROM ai_usage").to_pylist() == [{"project": "lighthouse"}]
    assert done.left == (
        "a project of that name, which other calls carry too",
        "an account that signs in",
        "the file notes.json",
    )


@pytest.mark.parametrize("odd", ["o'brien", "a b\tc", "[x](y)*", "näme-ü", "back\\slash", 'quo"te'])
def test_ids_of_every_spelling_go(kept: Kept, odd: str) -> None:
    row = {"event_id": "e", "occurred_at": NOON, "user_id": odd, "attributes": [("who", f"/u/{odd}/"), ("kept", "yes")]}
    kept.writer.write(Batch("atelier", usage=make_usage([row])))
    forget(kept.store, kept.state, odd, "owner")
    assert kept.store.select("SELECT attributes FROM ai_usage").to_pylist() == [{"attributes": [("kept", "yes")]}]
    assert kept.bytes_with(odd) == []


def test_an_empty_id_is_refused(kept: Kept) -> None:
    with pytest.raises(InputError):
        forget(kept.store, kept.state, "  ", "owner")


def test_everybody_reads_and_writes_on_while_files_are_written_anew(kept: Kept) -> None:
    name_everywhere(kept)
    stop = threading.Event()
    failures: list[Exception] = []
    seen: list[int] = []

    def read() -> None:
        while not stop.is_set():
            try:
                seen.append(kept.store.select("SELECT count(*) AS n FROM ai_usage")["n"][0].as_py())
                kept.store.ask("SELECT count(*) FROM ai_usage", see_users=True)
            except Exception as error:
                failures.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for number in range(3):
            sent = kept.writer.submit(Batch("atelier", usage=make_usage([{"event_id": f"late-{number}", "occurred_at": NOON}])))
            assert kept.store.rebuild()
            assert sent.result(30).added == 1
    finally:
        stop.set()
        for reader in readers:
            reader.join(30)
    assert failures == []
    assert set(seen) <= {80, 81, 82, 83}
    assert kept.store.select("SELECT count(*) AS n FROM ai_usage")["n"][0].as_py() == 83


def test_a_transaction_that_stays_open_makes_it_give_up_unharmed(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warehouse.store.REBUILD_PATIENCE_S", 0.2)
    inode = os.stat(kept.folder / "warehouse.duckdb").st_ino
    outcome: list[Exception] = []

    def rewrite() -> None:
        try:
            kept.store.rebuild()
        except StoreError as error:
            outcome.append(error)

    with kept.store.transaction() as tx:
        tx.execute("SELECT 1")
        other = threading.Thread(target=rewrite)
        other.start()
        other.join(30)
        tx.execute("SELECT count(*) FROM ai_usage")
    assert ["in use" in str(error) for error in outcome] == [True]
    assert os.stat(kept.folder / "warehouse.duckdb").st_ino == inode
    assert kept.store.rebuild()


def test_a_lake_and_a_state_in_postgresql_forget_too(postgres_server: PostgresServer, tmp_path: Path, clock: FixedClock) -> None:
    catalog, state_url = postgres_server.create_database(), postgres_server.create_database()
    store = Store.open(f"ducklake+{catalog}?data_path={tmp_path}/lake", now=clock)
    state = StateDb.open(state_url, clock)
    writer = Writer(store, clock, pseudonyms=Pseudonyms(state), group_ms=0)
    writer.start()
    kept = Kept(tmp_path, store, state, writer)
    try:
        name_everywhere(kept)
        clock.advance(timedelta(minutes=1))
        done = forget(store, state, PERSON, "owner", tmp_path)
        assert Pseudonyms(state).of_known(PERSON) is None
        with psycopg.connect(state_url) as connection:
            assert connection.execute("SELECT count(*) FROM pseudonyms WHERE person = %s", [PERSON]).fetchone() == (0,)
            assert connection.execute("SELECT count(*) FROM audit WHERE detail LIKE '%%pat.doe%%'").fetchone() == (0,)
        texts = store.select("SELECT string_agg(ai_usage::VARCHAR) AS words FROM ai_usage")["words"][0].as_py()
        assert "pat.doe" not in texts
        assert (done.rewritten, done.left) == (True, ())
        assert kept.bytes_with(PERSON) == []
    finally:
        writer.close()
        store.close()
        state.close()
        postgres_server.drop_database(catalog)
        postgres_server.drop_database(state_url)
