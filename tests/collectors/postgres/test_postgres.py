"""The PostgreSQL collector against a real server: what it reads, what a role without rights gets, and what each refusal says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from collectors.look import Look
from collectors.own_network import OwnNetwork
from collectors.postgres import session as postgres_session
from collectors.postgres.sections import Facts, checkpoints
from collectors.postgres.source import Postgres
from collectors.taken import Taken
from roomleft.clock import FixedClock
from roomleft.packs_sources import PostgresSource
from tests.collectors.looking import checks, names, value, values
from tests.fixtures.postgres import PostgresPair, until

SECRET = "k7-correct-horse"
HALF_A_MINUTE = timedelta(seconds=30)


def taker(url: str, secret: str | None = None, **entry: Any) -> Postgres:
    given = {"kind": "postgres", "name": "main", "component": "database", "url": url, "timeout": "5s"} | entry
    return Postgres("arena", PostgresSource.model_validate(given), secret, OwnNetwork(reference=lambda: None))


@pytest.fixture
def database(postgres_pair: PostgresPair) -> Iterator[str]:
    """The URL of an empty database on the primary."""
    url = postgres_pair.create_database()
    yield url
    postgres_pair.drop_database(url)


@pytest.fixture
def role(postgres_pair: PostgresPair) -> Iterator[Callable[[str], None]]:
    """Makes a role that may log in; every one is dropped after the test."""
    made: list[str] = []

    def make(name: str, more: str = "") -> None:
        postgres_pair.execute(f'CREATE ROLE "{name}" LOGIN {more}')
        made.append(name)

    yield make
    for name in made:
        postgres_pair.execute(f'DROP ROLE "{name}"')


def as_user(url: str, user: str) -> str:
    return url.replace("roomleft@", f"{user}@", 1)


def test_a_role_with_pg_monitor_reads_every_section(
    postgres_pair: PostgresPair, database: str, role: Callable[..., None], clock: FixedClock
) -> None:
    role("watcher", "IN ROLE pg_monitor")
    postgres_pair.execute("CREATE EXTENSION pg_stat_statements", database)
    postgres_pair.execute("CREATE TABLE orders AS SELECT generate_series(1, 5000) AS id", database)
    watched = taker(as_user(database, "watcher"))
    watched.take(clock.now(), None)
    clock.advance(HALF_A_MINUTE)
    with psycopg.connect(database) as busy:
        busy.execute("SELECT count(*) FROM orders")
        taken = watched.take(clock.now(), None)
    assert taken.error is None
    assert checks(taken) == {"main.statistics": ("pass", "every section is read")}
    assert (value(taken, "pg_connections_max"), value(taken, "pg_connections_used")) == (57, 1)
    states = values(taken, "pg_connections")
    assert states["idle in transaction"] == 1
    assert sum(states.values()) == 1
    assert (value(taken, "pg_longest_idle_in_transaction_s") or 0) > 0
    assert (value(taken, "pg_longest_transaction_s") or 0) >= (value(taken, "pg_longest_idle_in_transaction_s") or 0)
    assert 0 < (value(taken, "pg_cache_hit_ratio") or 0) <= 1
    assert 0 < (value(taken, "pg_cache_hit_ratio_cumulative") or 0) <= 1
    assert (value(taken, "pg_response_ms") or 0) > 0
    assert value(taken, "pg_in_recovery") == 0
    assert values(taken, "pg_checkpoints_total").keys() == {"timed", "requested"}
    assert 0 < (value(taken, "pg_transaction_ids_used_ratio") or 0) < 0.001
    assert {"pg_commits_total", "pg_rollbacks_total", "pg_deadlocks_total", "pg_temp_bytes_total"} <= names(taken)
    # Sizes move slowly and cost something: they are read every few minutes.
    assert "pg_database_size_bytes" not in names(taken)
    clock.advance(timedelta(minutes=5))
    sized = watched.take(clock.now(), None)
    assert values(sized, "pg_table_size_bytes")["public.orders"] >= 5000 * 28
    assert (value(sized, "pg_database_size_bytes", database=database.rsplit("/", 1)[1]) or 0) > 1_000_000
    labels = dict(taken.samples.to_pylist()[0]["labels"])
    port = database.split(":")[2].split("/")[0]
    assert labels == {"source": "main", "instance": f"127.0.0.1:{port}"}


def test_locks_that_are_waited_for_are_counted(postgres_pair: PostgresPair, database: str, clock: FixedClock) -> None:
    postgres_pair.execute("CREATE TABLE orders (id int)", database)
    watched = taker(database)
    with psycopg.connect(database) as holder, psycopg.connect(database) as waiter:
        holder.execute("LOCK TABLE orders")
        waiting = threading.Thread(target=lambda: waiter.execute("SELECT * FROM orders"))
        waiting.start()
        until(lambda: value(watched.take(clock.now(), None), "pg_locks_waiting") == 1)
        taken = watched.take(clock.now(), None)
        assert (value(taken, "pg_longest_lock_wait_s") or 0) > 0
        # The table's own size would have to wait for the same lock: it is left out, the look goes on.
        clock.advance(timedelta(minutes=6))
        sized = watched.take(clock.now(), None)
        assert sized.error is None
        assert values(sized, "pg_table_size_bytes") == {}
        assert values(sized, "pg_database_size_bytes")
        holder.rollback()
        waiting.join(10)
    assert value(watched.take(clock.now(), None), "pg_locks_waiting") == 0


def test_without_rights_what_is_hidden_is_absent_and_the_grant_is_named(
    postgres_pair: PostgresPair, database: str, role: Callable[..., None], clock: FixedClock
) -> None:
    role("Stranger")
    postgres_pair.execute("CREATE EXTENSION pg_stat_statements", database)
    postgres_pair.execute(f'REVOKE CONNECT ON DATABASE "{postgres_pair.url.rsplit("/", 1)[1]}" FROM PUBLIC')
    try:
        watched = taker(as_user(database, "Stranger"))
        with psycopg.connect(database):
            watched.take(clock.now(), None)
            clock.advance(timedelta(minutes=6))
            taken = watched.take(clock.now(), None)
    finally:
        postgres_pair.execute(f'GRANT CONNECT ON DATABASE "{postgres_pair.url.rsplit("/", 1)[1]}" TO PUBLIC')
    assert taken.error is None
    status, words = checks(taken)["main.statistics"]
    assert status == "warn"
    assert 'GRANT pg_monitor TO "Stranger";' in words
    assert value(taken, "pg_connections_used") == 1
    hidden = {"pg_connections", "pg_longest_transaction_s", "pg_slow_statements", "pg_replication_lag_ms", "replication_lag_ms"}
    assert not hidden & names(taken)
    assert {"pg_cache_hit_ratio", "pg_checkpoints_total", "pg_locks_waiting", "pg_transaction_ids_used_ratio"} <= names(taken)
    assert "postgres" not in values(taken, "pg_database_size_bytes")
    assert "the size of postgres is not told" in words


@pytest.mark.parametrize(
    ("user", "more", "secret", "says", "fix"),
    [
        ("locked", "PASSWORD 'right'", None, "it asks for a password", "set MAIN_PASSWORD"),
        ("locked", "PASSWORD 'right'", SECRET, "the password is wrong", "correct MAIN_PASSWORD of user locked"),
        ("unwelcome", "", None, "it gives no connection", "see the server's log"),
        (
            "nobody_here",
            None,
            None,
            "it has no user nobody_here",
            "CREATE ROLE nobody_here LOGIN; GRANT pg_monitor TO nobody_here;",
        ),
        ("shut_out", "CONNECTION LIMIT 0", None, "no connection is free", "raise max_connections"),
    ],
    ids=["needs a password", "wrong password", "rejected by pg_hba", "no such role", "no slot"],
)
def test_a_refused_connection_says_what_would_let_it_in(
    postgres_pair: PostgresPair,
    role: Callable[..., None],
    clock: FixedClock,
    user: str,
    more: str | None,
    secret: str | None,
    says: str,
    fix: str,
) -> None:
    if more is not None:
        role(user, more)
    taken = taker(as_user(postgres_pair.url, user), secret, password_env="MAIN_PASSWORD").take(clock.now(), None)
    assert taken.error is not None
    assert says in taken.error.what
    assert fix in taken.error.hint
    assert SECRET not in str(taken.error)
    assert taken.samples.num_rows == 0


def test_no_right_to_connect_and_no_such_database(
    postgres_pair: PostgresPair, database: str, role: Callable[..., None], clock: FixedClock
) -> None:
    role("watcher")
    name = database.rsplit("/", 1)[1]
    postgres_pair.execute(f'REVOKE CONNECT ON DATABASE "{name}" FROM PUBLIC')
    refused = taker(as_user(database, "watcher")).take(clock.now(), None).error
    assert refused is not None
    assert refused.hint == f"GRANT CONNECT ON DATABASE {name} TO watcher;"
    missing = taker(postgres_pair.url.replace("/postgres", "/nowhere")).take(clock.now(), None).error
    assert missing is not None
    assert missing.what == "it has no database nowhere"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://roomleft:{SECRET}%zz@127.0.0.1:1/x",
        f"postgresql://roomleft:{SECRET}@127.0.0.1:port/x",
        f"postgresql://roomleft:{SECRET}@127.0.0.1:1/x",
        f"postgresql://roomleft:{SECRET}@[::1/x",
        f"postgresql://roomleft:{SECRET}@127.0.0.1:1/x?nonsense={SECRET}",
    ],
)
def test_a_password_in_an_address_is_never_repeated(url: str, clock: FixedClock) -> None:
    error = taker(url).take(clock.now(), None).error
    assert error is not None
    seen: BaseException | None = error
    while seen is not None:
        assert SECRET not in f"{seen} {seen!r}"
        seen = seen.__cause__
    assert SECRET not in error.as_dict().values()


def test_a_server_that_is_too_old_is_told(
    postgres_pair: PostgresPair, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_session, "OLDEST_VERSION", 990000)
    error = taker(postgres_pair.url).take(clock.now(), None).error
    assert error is not None
    assert "is too old" in error.what
    assert "version 99 or newer" in error.hint


def test_a_server_that_is_gone(clock: FixedClock) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        error = taker(f"postgresql://roomleft@127.0.0.1:{reserved.getsockname()[1]}/x").take(clock.now(), None).error
    assert error is not None
    assert "refuses the connection" in error.what


def test_a_statement_timeout_costs_its_section_only(
    postgres_pair: PostgresPair, database: str, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from collectors.postgres import sections as postgres_sections

    monkeypatch.setattr(postgres_sections, "CHECKPOINTS", "SELECT pg_sleep(30), 1 AS timed")
    taken = taker(database, timeout="1s").take(clock.now(), None)
    assert taken.error is None
    assert (
        "checkpoints: it took longer than the statement timeout; raise the source's timeout"
        in checks(taken)["main.statistics"][1]
    )
    assert "pg_checkpoints_total" not in names(taken)
    assert {"pg_connections_used", "pg_database_size_bytes", "pg_replicas_connected"} <= names(taken)


@contextmanager
def proxy(url: str) -> Iterator[tuple[str, threading.Event]]:
    """An address that leads to a server until the event is set: from then on nothing passes, and nothing is closed either."""
    host, port = "127.0.0.1", int(url.split(":")[2].split("/")[0])
    frozen = threading.Event()
    opened: list[socket.socket] = []
    listener = socket.create_server((host, 0))

    def pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if frozen.is_set():
                    return
                sink.sendall(data)
        except OSError:
            return

    def serve() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection((host, port))
            opened.extend((near, far))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=pump, args=(one, other), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield url.replace(f":{port}/", f":{listener.getsockname()[1]}/"), frozen
    finally:
        listener.close()
        for one in opened:
            one.close()


def test_a_server_that_falls_silent_in_the_middle_ends_with_the_timeout_and_keeps_what_was_read(
    database: str, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from collectors.postgres import source as postgres

    with proxy(database) as (url, frozen):
        monkeypatch.setattr(postgres, "checkpoints", lambda session, look, known: (frozen.set(), session.rows("SELECT 1"))[0])
        taken = taker(url, timeout="1s").take(clock.now(), None)
    assert taken.error is not None
    assert taken.error.what == "it did not answer within 1 s"
    assert {"pg_connections_used", "pg_commits_total"} <= names(taken)
    assert "pg_replicas_connected" not in names(taken)


def test_a_session_that_is_ended_in_the_middle_keeps_what_was_read(
    postgres_pair: PostgresPair, database: str, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from collectors.postgres import source as postgres

    def ended(session: Any, look: Any, known: Any) -> None:
        postgres_pair.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'roomleft'")
        session.rows("SELECT 1")

    monkeypatch.setattr(postgres, "checkpoints", ended)
    taken = taker(database).take(clock.now(), None)
    assert taken.error is not None
    assert "the connection broke: terminating connection due to administrator command" in taken.error.what
    assert "pg_commits_total" in names(taken)


def test_the_session_is_read_only_named_and_bounded(database: str) -> None:
    with postgres_session.session(database, None, None, 4.0) as opened:
        row = opened.row(
            "SELECT current_setting('application_name') AS name, current_setting('default_transaction_read_only') AS read_only,"
            " current_setting('statement_timeout') AS timeout"
        )
        assert row == {"name": "roomleft", "read_only": "on", "timeout": "2s"}
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            opened.rows("CREATE TABLE public.t (id int)")


def test_a_port_that_says_nothing_is_told_and_does_not_hold_the_look(clock: FixedClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        taken: Taken = taker(f"postgresql://roomleft@127.0.0.1:{mute.getsockname()[1]}/x", timeout="1s").take(clock.now(), None)
    assert taken.error is not None
    assert taken.error.what == "it takes the connection and says nothing"


@pytest.mark.parametrize(
    ("version", "view"), [(130000, "pg_stat_bgwriter"), (160009, "pg_stat_bgwriter"), (170002, "pg_stat_checkpointer")]
)
def test_checkpoints_are_asked_for_where_the_version_keeps_them(clock: FixedClock, version: int, view: str) -> None:
    asked: list[str] = []

    class Server:
        def row(self, sql: str) -> dict[str, Any]:
            asked.append(sql)
            return {"timed": 3, "requested": 1, "write_ms": 20.0, "sync_ms": 5.0}

    look = Look("arena", "database", {}, clock.now())
    known = Facts(version, str(version), False, "roomleft", True, 97, True)
    checkpoints(Server(), look, known)  # type: ignore[arg-type]
    assert asked[0].endswith(f"FROM {view}")
    assert [row["value"] for row in look.samples().to_pylist()] == [3, 1, 20, 5]
