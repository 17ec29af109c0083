"""One short, read-only connection to a PostgreSQL server, and what its refusals mean for the person who set it up."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import conninfo, errors
from psycopg.rows import dict_row

from collectors.own_network import Unreachable, reaches_port
from roomleft.errors import CollectError

APPLICATION = "roomleft"
OLDEST_VERSION = 130000
CONNECT_SHARE = 0.5
LOCK_TIMEOUT_MS = 500
FRAME = re.compile(r"^connection (?:failed|is bad): |connection to server at .*?, port \d+ failed: |\s*Is the server running .*$")
"""What libpq puts around the words that matter."""
UNREACHED = re.compile(
    r"timed out|\[Errno -3\]|Temporary failure in name resolution|No route to host"
    r"|Network is unreachable|Host is down",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is and who asks, without the password."""

    host: str
    port: int
    user: str
    database: str

    @property
    def instance(self) -> str:
        """`host:port`, as it stands in labels."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def where(self) -> str:
        """What errors name: server and database."""
        return f"postgresql://{self.instance}/{self.database}"


def address_of(url: str) -> Address:
    """The parts of a URL. Raises CollectError, which never repeats the URL: a password may stand in it."""
    try:
        parts = conninfo.conninfo_to_dict(url)
        host = str(parts.get("host") or parts.get("hostaddr") or "localhost")
        port = int(parts.get("port") or 5432)
    except (psycopg.Error, ValueError) as error:
        raise CollectError(
            "the address is not one of a PostgreSQL server",
            "url",
            "write postgresql://USER@HOST:PORT/DATABASE, with %-escapes for special characters",
            retryable=False,
        ) from _unsaid(error)
    user = str(parts.get("user") or "roomleft")
    return Address(host, port, user, str(parts.get("dbname") or user))


class Session:
    """An open connection: every statement on its own, read-only and bounded in time."""

    def __init__(self, connection: psycopg.Connection[dict[str, Any]], address: Address) -> None:
        self._connection = connection
        self.address = address

    def rows(self, sql: str, params: Mapping[str, object] | None = None) -> list[dict[str, Any]]:
        """The rows of a statement with `%(name)s` parameters. Raises psycopg.Error."""
        return self._connection.execute(sql.encode(), params).fetchall()

    def row(self, sql: str, params: Mapping[str, object] | None = None) -> dict[str, Any]:
        """The one row of a statement. Raises psycopg.Error."""
        return self.rows(sql, params)[0]

    def round_trip_ms(self) -> float:
        """How long the server takes to answer a query that does nothing, in ms."""
        began = time.perf_counter()
        self.rows("SELECT 1 AS one")
        return (time.perf_counter() - began) * 1000


@contextmanager
def session(url: str, password: str | None, password_env: str | None, timeout_s: float) -> Iterator[Session]:
    """A connection for one look. Raises CollectError if there is none to be had, and when it breaks or its time is over.

    What the caller's own statements are refused is raised as psycopg.Error unless the connection is gone with it.
    """
    address = address_of(url)
    began = time.monotonic()
    over = threading.Event()
    connection = _connect(url, address, password, password_env, timeout_s)
    watchdog = threading.Timer(max(0.1, timeout_s - (time.monotonic() - began)), _cut, (connection, over))
    watchdog.daemon = True
    watchdog.start()
    try:
        if connection.info.server_version < OLDEST_VERSION:
            raise CollectError(
                f"PostgreSQL {connection.info.server_version // 10000} is too old",
                address.where,
                f"version {OLDEST_VERSION // 10000} or newer has the statistics that are read",
                retryable=False,
            )
        _settle(connection, timeout_s)
        yield Session(connection, address)
    except psycopg.Error as error:
        if over.is_set():
            raise CollectError(
                f"it did not answer within {timeout_s:g} s", address.where, "a longer timeout, or see what holds it up"
            ) from _unsaid(error)
        if not connection.broken:
            raise
        raise CollectError(f"the connection broke: {_words(error)}", address.where, "see the server's log") from _unsaid(error)
    finally:
        watchdog.cancel()
        with suppress(psycopg.Error, OSError):
            connection.close()


def _connect(
    url: str, address: Address, password: str | None, password_env: str | None, timeout_s: float
) -> psycopg.Connection[dict[str, Any]]:
    given: dict[str, Any] = {"password": password} if password else {}
    try:
        return psycopg.connect(
            url,
            autocommit=True,
            prepare_threshold=None,  # a prepared statement is dear for one use, and poolers refuse it
            row_factory=dict_row,
            application_name=APPLICATION,
            connect_timeout=max(1, round(timeout_s * CONNECT_SHARE)),
            **given,
        )
    except psycopg.Error as error:
        raise _refused(error, address, bool(password), password_env) from _unsaid(error)


def _settle(connection: psycopg.Connection[dict[str, Any]], timeout_s: float) -> None:
    # Set by statement, not as start-up options: those are refused by poolers.
    statement_ms = max(100, round(timeout_s * 1000 * CONNECT_SHARE))
    connection.execute(
        "SELECT set_config('default_transaction_read_only', 'on', false), set_config('statement_timeout', %s, false),"
        " set_config('lock_timeout', %s, false), set_config('search_path', 'pg_catalog', false)",
        (str(statement_ms), str(min(LOCK_TIMEOUT_MS, statement_ms))),
    )


def _cut(connection: psycopg.Connection[dict[str, Any]], over: threading.Event) -> None:
    """End a connection whose server holds it and says nothing: the server's own timeouts need a server that runs."""
    over.set()
    with suppress(psycopg.Error, OSError):
        with socket.socket(fileno=os.dup(connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)


def _refused(error: psycopg.Error, address: Address, has_password: bool, password_env: str | None) -> CollectError:
    said = _words(error)
    where = address.where
    variable = password_env or "a variable named by password_env"
    timed_out = isinstance(error, errors.ConnectionTimeout) or "timeout expired" in said
    if timed_out and reaches_port(address.host, address.port):
        return CollectError(
            "it takes the connection and says nothing", where, "see what holds it up, and what it is that listens"
        )
    if timed_out or UNREACHED.search(said):
        return Unreachable("it cannot be reached: " + said, where, "see the address, and the firewalls on the way")
    pgconn = error.pgconn
    asks = pgconn is not None and pgconn.needs_password
    cases = (
        ((asks and not has_password) or "no password supplied" in said, "it asks for a password", f"set {variable}", False),
        ("password authentication failed" in said, "the password is wrong", f"correct {variable} of user {address.user}", False),
        (
            "no pg_hba.conf entry" in said,
            f"it does not let {address.user} in from here",
            f"add to pg_hba.conf: host {address.database} {address.user} ADDRESS_OF_THIS_HOST/32 scram-sha-256",
            False,
        ),
        (
            re.search(r'role ".*" does not exist', said) is not None,
            f"it has no user {address.user}",
            f"CREATE ROLE {identifier(address.user)} LOGIN; GRANT pg_monitor TO {identifier(address.user)};",
            False,
        ),
        (
            re.search(r'database ".*" does not exist', said) is not None,
            f"it has no database {address.database}",
            "name one that is there",
            False,
        ),
        (
            "permission denied for database" in said,
            f"{address.user} may not connect to {address.database}",
            f"GRANT CONNECT ON DATABASE {identifier(address.database)} TO {identifier(address.user)};",
            False,
        ),
        (
            "too many clients" in said or "remaining connection slots" in said or "too many connections" in said,
            "no connection is free",
            "raise max_connections, or end sessions that hold theirs",
            True,
        ),
        ("starting up" in said, "it is starting up", "wait", True),
        ("shutting down" in said or "is in recovery mode" in said, "it is shutting down", "wait", True),
    )
    for applies, what, hint, retryable in cases:
        if applies:
            return CollectError(what, where, hint, retryable=retryable)
    if "resolve host" in said or "translate host name" in said:
        return CollectError(f"there is no host {address.host}", where, "correct the address")
    if "Connection refused" in said:
        return CollectError("it refuses the connection: nothing listens there", where, "start the server, or correct the address")
    return CollectError(f"it gives no connection: {said}", where, "see the server's log")


def _words(error: psycopg.Error) -> str:
    """The server's or the library's own words on one line. They name users, hosts and databases, never a password."""
    text = " ".join(str(error).split())
    found = re.search(r"(?:FATAL|ERROR):\s*(.*)", text)
    if found:
        return found.group(1)[:300]
    return FRAME.sub("", text).strip()[:300] or type(error).__name__


def _unsaid(error: BaseException) -> BaseException | None:
    """A library's error stays out of the chain where its text may repeat a URL with a password."""
    return None if isinstance(error, psycopg.ProgrammingError) else error


def refusal(error: psycopg.Error, where: str) -> CollectError:
    """What a server refused outside any section, as the source's failure."""
    return CollectError(f"it refused to answer: {_words(error)}", where, "see the server's log")


def identifier(name: str) -> str:
    """A name as SQL spells it, for statements that a person is to run."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'
