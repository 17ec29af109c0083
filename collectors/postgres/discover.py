"""A first look at a PostgreSQL server: what it is, what may be seen of it, and the limits worth keeping."""

from __future__ import annotations

from datetime import datetime

import psycopg

from collectors.discover_draft import NEAR_FLOOR, Draft
from collectors.found import Found
from collectors.look import Look
from collectors.own_network import OwnNetwork
from collectors.postgres.replication import Track, primary
from collectors.postgres.sections import DATABASE_SIZES, Facts, Trouble, attempt, facts, monitor_grant
from collectors.postgres.session import Session, address_of, refusal, session
from collectors.postgres.source import Postgres
from collectors.postgres.statements import statements
from roomleft.packs_sources import PostgresSource

LISTED = 6
"""So many databases and replicas are named one by one."""


def discover(entry: PostgresSource, secret: str | None, now: datetime) -> Found:
    """What there is to watch at `entry`. Raises CollectError if the server gives no connection."""
    draft = Draft(entry)
    address = address_of(entry.url)
    trouble: list[Trouble] = []
    counts_statements = False
    replicas = [one.name for one in entry.replicas]
    try:
        with session(entry.url, secret, entry.password_env, entry.timeout.total_seconds()) as opened:
            known = facts(opened)
            role = "replica" if known.is_standby else "primary"
            draft.line(f"PostgreSQL {known.version_words.split()[0]}, a {role}, {known.connections_max:,} connections at most")
            attempt("sizes", lambda: _databases(opened, draft, known), known, trouble)
            look = Look("", entry.component, {}, now)
            seen: list[str] = []
            attempt("replication", lambda: seen.extend(_replicas(opened, look, known, trouble, now)), known, trouble)
            replicas = replicas or seen
            before = len(trouble)
            attempt("statements", lambda: _count(opened, look, known, entry.slow_ms, trouble), known, trouble)
            counts_statements = len(trouble) == before
            if not known.sees_all:
                trouble.insert(0, Trouble("sessions", f"{known.role} does not see what others do", monitor_grant(known.role)))
    except psycopg.Error as error:
        raise refusal(error, address.where) from error
    if entry.replicas:
        _asked(entry, secret, now, draft)
    elif replicas and not known.is_standby:
        draft.line(f"replicas: {', '.join(replicas[:LISTED])}")
        draft.warning("the replicas are seen from the primary only; list them under replicas: to time each one's answers")
    for one in dict.fromkeys(str(one) for one in trouble):
        draft.warning(one)
    if known.is_standby and not entry.replicas:
        replicas = [entry.name]
    _propose(draft, replicas, counts_statements, entry.slow_ms)
    return draft.found()


def _databases(opened: Session, draft: Draft, known: Facts) -> None:
    rows = sorted(opened.rows(DATABASE_SIZES), key=lambda row: -(row["bytes"] or 0))
    named = [f"{row['database']} {size(row['bytes'])}" for row in rows[:LISTED]]
    more = f" and {len(rows) - LISTED} more" if len(rows) > LISTED else ""
    draft.line(f"databases: {', '.join(named)}{more}")


def _replicas(opened: Session, look: Look, known: Facts, trouble: list[Trouble], now: datetime) -> list[str]:
    primary(opened, look, known, trouble, Track(), now, alone=True)
    names = (
        dict(row["labels"]).get("replica") for row in look.samples().to_pylist() if row["name"] == "pg_replication_lag_bytes"
    )
    return sorted({name for name in names if name})


def _count(opened: Session, look: Look, known: Facts, slow_ms: int, trouble: list[Trouble]) -> None:
    statements(opened, look, known, slow_ms, None, trouble)


def _asked(entry: PostgresSource, secret: str | None, now: datetime, draft: Draft) -> None:
    """What the listed replicas themselves say."""
    health = Postgres("", entry, secret, OwnNetwork(reference=lambda: None)).take(now, None).health
    for row in health.to_pylist() if health is not None else ():
        if row["check_name"] in {f"{entry.name}.{one.name}" for one in entry.replicas}:
            (draft.line if row["status"] == "pass" else draft.warning)(row["words"])


def _propose(draft: Draft, replicas: list[str], counts_statements: bool, slow_ms: int) -> None:
    used = draft.gauge("connections_used", "pg_connections_used", "connections")
    most = draft.gauge("connections_max", "pg_connections_max", "connections")
    busy = draft.limit(
        "connections",
        "capacity",
        f"Connections of {draft.name} in use",
        draft.share("connection_use", used, most),
        "Raise max_connections, or put a pooler in front",
        amount=80,
    )
    hits = draft.limit(
        "cache_hits",
        "ratio",
        f"Cache hits of {draft.name} ≥ 90 %",
        draft.gauge("cache_hit_percent", "pg_cache_hit_ratio", "percent", scale=100),
        "Give shared_buffers more memory",
        amount=90,
        direction="at_least",
        tight_below=NEAR_FLOOR,
    )
    ids = draft.limit(
        "transaction_ids",
        "capacity",
        f"Transaction ids of {draft.name}, up to the vacuum failsafe",
        draft.gauge("transaction_id_use", "pg_transaction_ids_used_ratio", "percent", across="max", scale=100),
        "VACUUM (FREEZE) the oldest tables, and see what holds autovacuum back",
        amount=75,
    )
    draft.signal("Connections in use", "pg_connections_used", "connections", of="pg_connections_max", limit=busy, live=True)
    draft.signal("Connections by state", "pg_connections", "connections", by="state", across="sum")
    draft.signal("Cache hits", "pg_cache_hit_ratio", "ratio", limit=hits)
    draft.signal("Transactions", "pg_commits_total", "operations_per_second", by="database", show="rate_per_second", across="sum")
    draft.signal("Locks waited for", "pg_locks_waiting", "queries")
    draft.signal("Longest transaction", "pg_longest_transaction_s", "seconds", across="max")
    draft.signal("Database size", "pg_database_size_bytes", "bytes", by="database")
    draft.signal("Largest tables", "pg_table_size_bytes", "bytes", by="table")
    draft.signal("Transaction ids in use", "pg_transaction_ids_used_ratio", "ratio", limit=ids)
    if counts_statements:
        meter = draft.gauge("slow_statements", "pg_slow_statements", "queries")
        slow = draft.limit(
            "slow_statements",
            "slo",
            f"Statements of {draft.name} over {slow_ms} ms ≤ 5",
            meter,
            "Look at the slowest, and at its plan",
            amount=5,
        )
        draft.signal(f"Statements over {slow_ms} ms", "pg_slow_statements", "queries", limit=slow)
        draft.signal("Statement time", "pg_statement_mean_ms", "ms", live=True)
    for replica in replicas[:LISTED]:
        named = {"replica": replica}
        lag = draft.gauge(f"lag_{replica}", "replication_lag_ms", "ms", labels=named)
        draft.limit(
            f"lag_{replica}", "slo", f"Replica {replica} ≤ 1 s behind", lag, "See what it replays, and its disk", amount=1000
        )
        draft.limit(
            f"lag_{replica}_critical", "slo", f"Replica {replica} ≤ 30 s behind", lag, "Take it out of the readers", amount=30_000
        )
    if replicas:
        draft.signal("Replication lag", "replication_lag_ms", "ms", by="replica", across="max")


def size(count: int | None) -> str:
    """Bytes as a person reads them; without a figure, in words."""
    if count is None:
        return "(size not told)"
    for unit, scale in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{count} B"
