"""Opening, migrating and failing: on SQLite and PostgreSQL alike."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import bindparam, create_engine, insert, select, text

from roomleft.clock import FixedClock
from roomleft.errors import DiskFull, InputError, SchemaTooNew, StoreCorrupt, StoreError, StoreLocked
from warehouse.state import Audit, Sessions, SignIn, StateDb, Users
from warehouse.state.database import MIGRATIONS
from warehouse.state.models import Base, UserRow, UtcDateTime
from warehouse.state.open_sessions import OpenSessions
from warehouse.state.principals import Role

ROOT = Path(__file__).parents[3]
OPEN = """
import sys
from roomleft.clock import Clock
from warehouse.state import Audit, StateDb
print("ready", flush=True)
sys.stdin.readline()
Audit(StateDb.open(sys.argv[1], Clock())).add("process", "opened")
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that nobody has migrated yet."""
    return f"sqlite:///{tmp_path / 'state.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


def test_the_migrations_make_exactly_the_models(db: StateDb) -> None:
    with db.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_opening_again_keeps_what_is_there(open_db: Callable[[], StateDb]) -> None:
    Users(open_db()).add("ada", Role.ONCALL)
    assert [user.name for user in Users(open_db()).list()] == ["ada"]


def test_processes_that_open_together_migrate_once(url: str, open_db: Callable[[], StateDb]) -> None:
    command = [sys.executable, "-c", OPEN, url]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), errors
    assert len(Audit(open_db()).recent()) == 2


def test_a_newer_database_is_refused_and_left_alone(open_db: Callable[[], StateDb]) -> None:
    db = open_db()
    with db.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaTooNew, match="9999") as refused:
        open_db()
    assert refused.value.where
    assert refused.value.hint
    with db.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"


def test_a_migration_that_fails_leaves_nothing_behind(url: str, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import op

    make, made = op.create_table, []

    def fail_at_the_third(name: str, *args: object, **kwargs: object) -> object:
        made.append(name)
        if len(made) == 3:
            raise RuntimeError("the power went")
        return make(name, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(op, "create_table", fail_at_the_third)
        with pytest.raises(RuntimeError, match="the power went"):
            StateDb.open(url, clock)
    db = StateDb.open(url, clock)
    assert Users(db).list() == []
    db.close()


def test_instants_come_back_aware_and_in_utc(db: StateDb) -> None:
    at = datetime(2026, 11, 20, 14, 30, 0, 123456, timezone(timedelta(hours=2)))
    with db.write() as connection:
        connection.execute(insert(UserRow).values(name="ada", role="sre", created_at=at))
        back = connection.execute(select(UserRow.created_at)).scalar_one()
        assert connection.execute(select(UserRow.name).where(UserRow.created_at == at)).scalar_one() == "ada"
    assert back == at
    assert back.tzinfo is UTC


def test_a_naive_instant_is_refused(db: StateDb) -> None:
    with pytest.raises((InputError, StoreError), match="no time zone"), db.write() as connection:
        connection.execute(insert(UserRow).values(name="ada", role="sre", created_at=datetime(2026, 11, 20)))
    assert Users(db).list() == []


def test_an_error_inside_a_transaction_undoes_it(db: StateDb, clock: FixedClock) -> None:
    def fail_late() -> None:
        with db.write() as connection:
            connection.execute(insert(UserRow).values(name="ada", role="sre", created_at=clock.now()))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_late()
    assert Users(db).list() == []


@pytest.mark.parametrize("url", ["not a url", "mysql://host/db", "sqlite://", "sqlite:///:memory:"])
def test_urls_that_cannot_serve(url: str, clock: FixedClock) -> None:
    with pytest.raises(StoreError) as refused:
        StateDb.open(url, clock)
    assert "sqlite:////absolute/path" in refused.value.hint


def test_a_password_is_never_repeated(clock: FixedClock) -> None:
    with pytest.raises(StoreError) as refused:
        StateDb.open("postgresql://roomleft:hunter2@127.0.0.1:1/state", clock)
    assert "hunter2" not in str(refused.value)
    assert "127.0.0.1:1" in refused.value.where


def test_a_file_that_is_something_else(tmp_path: Path, clock: FixedClock) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"these are my holiday photographs" * 100)
    with pytest.raises(StoreCorrupt) as refused:
        StateDb.open(f"sqlite:///{path}", clock)
    assert str(path) in refused.value.where
    assert path.read_bytes().startswith(b"these are my")


def test_somebody_elses_sqlite_database(tmp_path: Path, clock: FixedClock) -> None:
    path = tmp_path / "state.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE users (email TEXT)")
    other.close()
    with pytest.raises(StoreCorrupt, match="not a Roomleft state database"):
        StateDb.open(f"sqlite:///{path}", clock)


def test_a_full_disk_says_so_and_saves_nothing(tmp_path: Path, clock: FixedClock) -> None:
    db = StateDb.open(f"sqlite:///{tmp_path / 'state.db'}", clock)

    def fill() -> None:
        with db.write() as connection:
            connection.execute(text("PRAGMA max_page_count=1"))
            for number in range(1000):
                connection.execute(insert(UserRow).values(name=f"{number}" * 100, role="sre", created_at=clock.now()))

    with pytest.raises(DiskFull) as refused:
        fill()
    assert "free some space" in refused.value.hint
    db.close()
    again = StateDb.open(f"sqlite:///{tmp_path / 'state.db'}", clock)
    assert Users(again).list() == []
    again.close()


def test_a_database_that_stays_locked(tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warehouse.state.database.BUSY_TIMEOUT_MS", 10)
    db = StateDb.open(f"sqlite:///{tmp_path / 'state.db'}", clock)
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreLocked):
        Users(db).add("ada", Role.ONCALL)
    assert Users(db).list() == []  # readers go on while somebody writes
    other.execute("ROLLBACK")
    other.close()
    Users(db).add("ada", Role.ONCALL)
    db.close()


def test_only_the_owner_may_read_the_file(tmp_path: Path, clock: FixedClock) -> None:
    db = StateDb.open(f"sqlite:///{tmp_path / 'deep' / 'state.db'}", clock)
    Users(db).add("ada", Role.ONCALL)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "deep").iterdir() if path.suffix != ".lock"}
    assert set(modes.values()) == {0o600}, modes
    db.close()


AS_OF_5 = (
    "INSERT INTO users (name, role, created_at) VALUES ('Ada', 'admin', :before), ('ada', 'reader', :at), ('Ünal', 'on_call', :at)",
    "INSERT INTO users (name, role, created_at) VALUES ('bo', 'sre', :at), ('cy', 'finance', :at), ('dee', 'unheard of', :at)",
    "INSERT INTO sessions (hash, principal, scopes, created_at, expires_at) VALUES ('h1', 'owner', 'admin', :before, :after)",
    "INSERT INTO sessions (hash, principal, scopes, created_at, expires_at) VALUES ('h2', 'owner', 'read', :before, :after)",
    "INSERT INTO sign_in_links (hash, principal, scopes, created_at, expires_at) VALUES ('l1', 'owner', 'admin', :before, :after)",
)


def test_people_and_sessions_of_the_revision_before_are_kept(url: str, clock: FixedClock) -> None:
    before, at = clock.now() - timedelta(days=1), clock.now()
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        moments = {"before": before, "at": at, "after": at + timedelta(days=7)}
        for each in AS_OF_5:
            given = {name: moment for name, moment in moments.items() if f":{name}" in each}
            typed = text(each).bindparams(*(bindparam(name, type_=UtcDateTime()) for name in given))
            connection.execute(typed, given)
    engine.dispose()

    db = StateDb.open(url, clock)
    try:
        people = Users(db).list()
        assert {each.name: (each.role, each.source, each.has_password, each.disabled_at) for each in people} == {
            "Ada": (Role.ADMIN, "local", False, None),
            "ada": (Role.VIEWER, "local", False, None),
            "Ünal": (Role.ONCALL, "local", False, None),
            "bo": (Role.ONCALL, "local", False, None),
            "cy": (Role.FINANCE, "local", False, None),
            "dee": (Role.VIEWER, "local", False, None),
        }
        assert {each.created_at for each in people} == {before, at}
        with db.read() as connection:
            keys = {row[0]: row[1] for row in connection.execute(text("SELECT name, name_key FROM users"))}
            sessions = connection.execute(text("SELECT hash, session_id, how, user_name FROM sessions ORDER BY hash")).all()
        assert (keys["Ada"], keys["ada"], keys["Ünal"]) == ("ada", "ada'", "ünal"), "who was first keeps the plain key"
        assert [(row[0], row[2], row[3]) for row in sessions] == [("h1", "link", None), ("h2", "link", None)]
        assert len({row[1] for row in sessions}) == 2
        assert all(row[1].startswith("s_") and len(row[1]) == 18 for row in sessions)
        assert [getattr(Users(db).get(name), "name", None) for name in ("ADA", "Ada", "ada")] == ["Ada", "Ada", "ada"]
        assert Users(db).change("ada", role=Role.ONCALL).name == "ada", "the other is left alone"
        assert Sessions(db).verify(SignIn(db).redeem(SignIn(db).issue_for("ada")) or "") is not None
        assert [each.who for each in OpenSessions(db).list()].count("ada") == 1
        assert Users(db).remove("ada")
        assert {each.name for each in Users(db).list()} == {"Ada", "Ünal", "bo", "cy", "dee"}
        with pytest.raises(InputError):
            Users(db).add("ÜNAL", Role.VIEWER)
        with db.read() as connection:
            assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata) == []
    finally:
        db.close()
