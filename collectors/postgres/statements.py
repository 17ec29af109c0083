"""Slow statements, from pg_stat_statements: what was slow since the last look, with its text made free of values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import errors

from collectors.look import Look
from collectors.postgres.sections import Facts, Trouble, monitor_grant
from collectors.postgres.session import Session, identifier

TEXT_LIMIT = 120
FETCHED_TEXT = 4000
SLOWEST = 10
EXTENSION = """
SELECT n.nspname AS schema, e.extversion AS version FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements'
"""
AVAILABLE = "SELECT count(*) > 0 AS here FROM pg_available_extensions WHERE name = 'pg_stat_statements'"
COUNTS = """
SELECT userid, dbid, queryid, calls, total_exec_time AS total_ms, max_exec_time AS max_ms
FROM {schema}.pg_stat_statements(false) WHERE queryid IS NOT NULL
"""
# The plain call without texts is cheap; texts are asked for by id, and only of what was slow.
TEXTS = "SELECT queryid, left(query, {limit}) AS text FROM {schema}.pg_stat_statements WHERE queryid = ANY(%(ids)s)"

Key = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Count:
    """What a statement has run up since the statistics began."""

    calls: int
    total_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class Since:
    """What a statement ran up since the last look. `worst_ms` is known when its longest call ever came in this time."""

    calls: int
    total_ms: float
    worst_ms: float | None

    @property
    def slow_ms(self) -> float:
        """Its longest known time: the longest call, or else the mean."""
        return max(self.total_ms / self.calls, self.worst_ms or 0.0)


def statements(
    session: Session, look: Look, known: Facts, slow_ms: int, before: Mapping[Key, Count] | None, trouble: list[Trouble]
) -> Mapping[Key, Count] | None:
    """Read pg_stat_statements and give its counts for the next look; None where it cannot be read, which `trouble` explains.

    `pg_slow_statements` counts the statements whose mean, or a call of whose, took longer than `slow_ms` ms since the last look.
    """
    installed = session.rows(EXTENSION)
    if not installed:
        trouble.append(Trouble("statements", *_missing(session)))
        return None
    schema = identifier(installed[0]["schema"])
    if not known.sees_all:
        trouble.append(Trouble("statements", "only one's own statements are shown", monitor_grant(known.role)))
        return None
    try:
        counted = session.rows(COUNTS.format(schema=schema))
    except errors.ObjectNotInPrerequisiteState:
        trouble.append(
            Trouble(
                "statements",
                "pg_stat_statements is created but not loaded",
                "set shared_preload_libraries = 'pg_stat_statements' in postgresql.conf and restart the server",
            )
        )
        return None
    except errors.UndefinedColumn:
        trouble.append(Trouble("statements", "the extension is too old", "ALTER EXTENSION pg_stat_statements UPDATE;"))
        return None
    now = _counts(counted)
    if before is None:
        return now
    since = _since(now, before)
    calls, total_ms = sum(one.calls for one in since.values()), sum(one.total_ms for one in since.values())
    look.read("pg_statement_calls", calls)
    look.read("pg_statement_exec_ms", total_ms)
    look.read("pg_statement_mean_ms", total_ms / calls if calls else None)
    by_query: dict[int, float] = {}
    for (_, _, query), one in since.items():
        if one.slow_ms > slow_ms:
            by_query[query] = max(by_query.get(query, 0.0), one.slow_ms)
    look.read("pg_slow_statements", len(by_query))
    slowest = sorted(by_query, key=lambda query: (-by_query[query], query))[:SLOWEST]
    texts = _texts(session, schema, slowest) if slowest else {}
    for query in slowest:
        look.read("pg_slow_statement_ms", by_query[query], queryid=str(query), statement=texts.get(query, ""))
    return now


def _missing(session: Session) -> tuple[str, str]:
    if not session.row(AVAILABLE)["here"]:
        return (
            "the server has no pg_stat_statements",
            "install its contrib package (Debian: postgresql-contrib), set shared_preload_libraries = 'pg_stat_statements',"
            " restart, then CREATE EXTENSION pg_stat_statements;",
        )
    return (
        "pg_stat_statements is not installed in this database",
        "set shared_preload_libraries = 'pg_stat_statements' and restart if that is not done, then CREATE EXTENSION pg_stat_statements;",
    )


def _counts(rows: list[dict[str, Any]]) -> dict[Key, Count]:
    found: dict[Key, Count] = {}
    for row in rows:
        key = (row["userid"], row["dbid"], row["queryid"])
        one = found.get(key, Count(0, 0.0, 0.0))
        # The same statement at the top and inside a function is two rows.
        found[key] = Count(one.calls + row["calls"], one.total_ms + row["total_ms"], max(one.max_ms, row["max_ms"]))
    return found


def _since(now: Mapping[Key, Count], before: Mapping[Key, Count]) -> dict[Key, Since]:
    found = {}
    for key, one in now.items():
        old = before.get(key)
        # A statement that is new, was pushed out and came back, or was reset, has run all it shows since the last look.
        if old is None or one.calls < old.calls or one.total_ms < old.total_ms:
            old = Count(0, 0.0, 0.0)
        if one.calls > old.calls:
            worst = one.max_ms if one.max_ms > old.max_ms else None
            found[key] = Since(one.calls - old.calls, one.total_ms - old.total_ms, worst)
    return found


def _texts(session: Session, schema: str, ids: list[int]) -> dict[int, str]:
    rows = session.rows(TEXTS.format(schema=schema, limit=FETCHED_TEXT), {"ids": ids})
    return {row["queryid"]: shown(row["text"] or "") for row in rows}


TOKEN = re.compile(
    r"""(?P<line>--[^\n]*)
    |(?P<block>/\*)
    |(?P<escaped>[eE]'(?:[^'\\]|''|\\.)*(?:'|\\?\Z))
    |(?P<quoted>(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*(?:'|\Z))
    |(?P<dollar>\$(?P<tag>[A-Za-z_]\w*)?\$)
    |(?P<parameter>\$\d+)
    |(?P<name>"(?:[^"]|"")*(?:"|\Z)|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)
    |(?P<number>(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\w*)
    |(?P<space>\s+)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


def shown(text: str) -> str:
    """A statement on one line without comments and without values, at most 120 characters.

    pg_stat_statements puts $1 for the constants of queries, but not in every utility statement, and it keeps comments.
    """
    parts: list[str] = []
    place = 0
    while place < len(text):
        found = TOKEN.match(text, place)
        assert found is not None, "the last alternative takes any character"
        place = found.end()
        kind = str(found.lastgroup)
        if kind == "block":
            place = _after_comment(text, place)
            parts.append(" ")
        elif found.group("dollar"):
            close = text.find(found.group("dollar"), place)
            place = len(text) if close < 0 else close + len(found.group("dollar"))
            parts.append("?")
        elif kind == "quoted" and "\\'" in found.group():
            # With standard_conforming_strings off the text goes on where we see its end: nothing after it is safe to show.
            parts.append("?")
            break
        else:
            parts.append({"line": " ", "space": " ", "quoted": "?", "escaped": "?", "number": "?"}.get(kind, found.group()))
    line = " ".join("".join(parts).split())
    return line if len(line) <= TEXT_LIMIT else line[: TEXT_LIMIT - 1] + "…"


def _after_comment(text: str, place: int) -> int:
    depth = 1
    for mark in re.finditer(r"/\*|\*/", text[place:]):
        depth += 1 if mark.group() == "/*" else -1
        if not depth:
            return place + mark.end()
    return len(text)
