"""What a PostgreSQL server says about itself, a section at a time: one statement each, and the readings made of its rows.

A section that is refused leaves its readings out and says what would let it read; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from psycopg import errors

from collectors.look import Look
from collectors.postgres.session import Session, identifier

STATES = (
    "active",
    "idle",
    "idle in transaction",
    "idle in transaction (aborted)",
    "fastpath function call",
)
XID_SPACE = 2**31 - 3_000_000
"""Transaction ids that may be in use before the server stops accepting writes: half of 2^32, less the 3 million it keeps back."""

FACTS = """
SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS version_words,
    pg_is_in_recovery() AS is_standby, current_user AS role, pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all,
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true)::int, 0) AS connections_max,
    current_setting('track_activities') = 'on' AS tracks_activity
"""
# Without the right to see others' sessions their kind is hidden: then everything that has a user and a database counts as a connection.
ACTIVITY = """
SELECT state, count(*) AS sessions,
    max(extract(epoch FROM clock_timestamp() - xact_start)) AS transaction_s,
    max(extract(epoch FROM clock_timestamp() - state_change)) AS in_state_s
FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND (backend_type = 'client backend' OR (backend_type IS NULL AND usesysid IS NOT NULL AND datid IS NOT NULL))
GROUP BY state
"""
LOCKS = "SELECT count(*) AS waiting, {longest} AS longest_s FROM pg_locks WHERE NOT granted"
DATABASES = """
SELECT d.datname AS database, age(d.datfrozenxid) AS xid_age, mxid_age(d.datminmxid) AS mxid_age,
    s.xact_commit, s.xact_rollback, s.blks_hit, s.blks_read, s.deadlocks, s.temp_bytes
FROM pg_database d LEFT JOIN pg_stat_database s ON s.datid = d.oid
WHERE d.datallowconn
"""
SHARED_BLOCKS = "SELECT coalesce(sum(blks_hit), 0) AS blks_hit, coalesce(sum(blks_read), 0) AS blks_read FROM pg_stat_database WHERE datid = 0"
CHECKPOINTS = "SELECT checkpoints_timed AS timed, checkpoints_req AS requested, checkpoint_write_time AS write_ms, checkpoint_sync_time AS sync_ms FROM pg_stat_bgwriter"
CHECKPOINTS_17 = "SELECT num_timed AS timed, num_requested AS requested, write_time AS write_ms, sync_time AS sync_ms FROM pg_stat_checkpointer"
DATABASE_SIZES = """
SELECT datname AS database, CASE WHEN has_database_privilege(datname, 'CONNECT') OR pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
    THEN pg_database_size(datname) END AS bytes
FROM pg_database WHERE datallowconn AND NOT datistemplate
"""
# A size takes a lock, which would wait behind whoever rewrites the table: those tables are left out of this look.
TABLE_SIZES = """
SELECT n.nspname || '.' || c.relname AS name, pg_total_relation_size(c.oid) AS bytes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
    AND NOT EXISTS (SELECT 1 FROM pg_locks l WHERE l.relation = c.oid AND l.mode = 'AccessExclusiveLock')
ORDER BY bytes DESC NULLS LAST, name
LIMIT 10
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the other sections depend on. `version` is as in 150004; `connections_max` leaves out what is kept for superusers."""

    version: int
    version_words: str
    is_standby: bool
    role: str
    sees_all: bool
    connections_max: int
    tracks_activity: bool


@dataclass(frozen=True, slots=True)
class Trouble:
    """A section that could not be read: what is missing, and the statement or setting that would change it."""

    section: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.section}: {self.what}; {self.fix}"


@dataclass(slots=True)
class Blocks:
    """How many blocks were found in memory and how many had to be read, in all databases together, since the statistics began."""

    hit: int = 0
    read: int = 0


def facts(session: Session) -> Facts:
    """The server's version, role and room. Raises psycopg.Error."""
    return Facts(**session.row(FACTS))


def attempt(section: str, work: Callable[[], None], known: Facts, trouble: list[Trouble]) -> None:
    """Run a section; what the server refuses becomes a note in `trouble`. Raises psycopg.Error when the connection is gone."""
    try:
        work()
    except errors.InsufficientPrivilege as error:
        trouble.append(Trouble(section, _said(error), monitor_grant(known.role)))
    except errors.QueryCanceled:
        trouble.append(Trouble(section, "it took longer than the statement timeout", "raise the source's timeout"))
    except errors.LockNotAvailable:
        trouble.append(Trouble(section, "a lock was held too long", "it is read again at the next look"))
    except (errors.AdminShutdown, errors.CrashShutdown, errors.IdleInTransactionSessionTimeout):
        raise
    except psycopg.Error as error:
        if error.sqlstate is None:  # not the server's word: the connection itself
            raise
        trouble.append(Trouble(section, _said(error), "see the server's log"))


def monitor_grant(role: str) -> str:
    """The statement that lets a role see all statistics."""
    return f"GRANT pg_monitor TO {identifier(role)};"


def connections_used(session: Session) -> int:
    """How many connections are in use, ours not counted."""
    return sum(row["sessions"] for row in session.rows(ACTIVITY))


def connections(session: Session, look: Look, known: Facts) -> None:
    """Connections in use, at most and by state, and how long the longest transactions last. Our own session is not counted."""
    rows = session.rows(ACTIVITY)
    look.read("pg_connections_used", sum(row["sessions"] for row in rows))
    look.read("pg_connections_max", known.connections_max)
    if not (known.sees_all and known.tracks_activity):
        return
    by_state = {row["state"]: row["sessions"] for row in rows}
    for state in STATES:
        look.read("pg_connections", by_state.get(state, 0), state=state)
    look.read("pg_longest_transaction_s", max((float(row["transaction_s"] or 0) for row in rows), default=0.0))
    idle = [float(row["in_state_s"] or 0) for row in rows if str(row["state"]).startswith("idle in transaction")]
    look.read("pg_longest_idle_in_transaction_s", max(idle, default=0.0))


def locks(session: Session, look: Look, known: Facts) -> None:
    """Locks that are waited for, and how long the longest has been (PostgreSQL 14 and later tell)."""
    longest = "coalesce(max(extract(epoch FROM clock_timestamp() - waitstart)), 0)" if known.version >= 140000 else "NULL::float8"
    row = session.row(LOCKS.format(longest=longest))
    look.read("pg_locks_waiting", row["waiting"])
    look.read("pg_longest_lock_wait_s", row["longest_s"])


def databases(session: Session, look: Look, blocks: Blocks) -> None:
    """Counters and transaction id age of every database; the cache hits of all go into `blocks`."""
    worst = 0
    for row in session.rows(DATABASES):
        database = row["database"]
        worst = max(worst, row["xid_age"], row["mxid_age"])
        look.read("pg_transaction_id_age", row["xid_age"], database=database)
        look.read("pg_multixact_id_age", row["mxid_age"], database=database)
        for name, column in (
            ("pg_commits_total", "xact_commit"),
            ("pg_rollbacks_total", "xact_rollback"),
            ("pg_blocks_hit_total", "blks_hit"),
            ("pg_blocks_read_total", "blks_read"),
            ("pg_deadlocks_total", "deadlocks"),
            ("pg_temp_bytes_total", "temp_bytes"),
        ):
            look.read(name, row[column], database=database)
        blocks.hit += row["blks_hit"] or 0
        blocks.read += row["blks_read"] or 0
    look.read("pg_transaction_ids_used_ratio", worst / XID_SPACE)
    shared = session.row(SHARED_BLOCKS)
    blocks.hit += int(shared["blks_hit"])
    blocks.read += int(shared["blks_read"])


def cache_hits(look: Look, now: Blocks, before: Blocks | None) -> None:
    """The share of blocks found in memory: since the last look, and since the statistics began. Without blocks there is no share."""
    if now.hit + now.read:
        look.read("pg_cache_hit_ratio_cumulative", now.hit / (now.hit + now.read))
    if before is None:
        return
    hit, read = now.hit - before.hit, now.read - before.read
    # A counter that fell was reset: the difference says nothing.
    if hit >= 0 and read >= 0 and hit + read:
        look.read("pg_cache_hit_ratio", hit / (hit + read))


def checkpoints(session: Session, look: Look, known: Facts) -> None:
    """Checkpoints by cause and the time they took. PostgreSQL 17 moved them to a view of their own."""
    row = session.row(CHECKPOINTS_17 if known.version >= 170000 else CHECKPOINTS)
    look.read("pg_checkpoints_total", row["timed"], cause="timed")
    look.read("pg_checkpoints_total", row["requested"], cause="requested")
    look.read("pg_checkpoint_write_ms_total", row["write_ms"])
    look.read("pg_checkpoint_sync_ms_total", row["sync_ms"])


def sizes(session: Session, look: Look, known: Facts) -> list[Trouble]:
    """Bytes of every database that may be asked for, and of the largest tables of the one that is connected to; what is not told."""
    hidden = []
    for row in session.rows(DATABASE_SIZES):
        look.read("pg_database_size_bytes", row["bytes"], database=row["database"])
        if row["bytes"] is None:
            hidden.append(row["database"])
    for row in session.rows(TABLE_SIZES):
        look.read("pg_table_size_bytes", row["bytes"], table=row["name"])
    if not hidden:
        return []
    return [Trouble("sizes", f"the size of {', '.join(sorted(hidden)[:3])} is not told", monitor_grant(known.role))]


def _said(error: psycopg.Error) -> str:
    return (error.diag.message_primary or type(error).__name__)[:200]
