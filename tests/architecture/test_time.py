"""Time has one source and one set of zone rules."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.sources import ROOT, files, place, statements, strings, tree

ZONE_IN_SQL = re.compile(r"\bAT\s+TIME\s+ZONE\b", re.IGNORECASE)
# The instant in SQL. `now` alone is the name of a parameter and of columns.
NOW_IN_SQL = re.compile(
    r"\b(now|today|get_current_timestamp)\s*\(\s*\)|\bcurrent_(timestamp|date|time)\b|\blocaltime(stamp)?\b", re.IGNORECASE
)
ASKS = {
    *(("datetime", name) for name in ("now", "utcnow", "today")),
    *(("Timestamp", name) for name in ("now", "utcnow", "today")),
    ("date", "today"),
    ("time", "time"),
    ("time", "time_ns"),
}
# The clock itself, and the wiring that makes one.
MAY_ASK = re.compile(r"roomleft/(clock\.py|app\.py|demo\.py|__main__\.py|cli\.py|cli/.*)")


def asks(module: ast.Module) -> Iterator[ast.Call]:
    """Calls that ask the system what time it is. Durations (`time.monotonic`, `time.perf_counter`) are no business of theirs."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
            if (name, node.func.attr) in ASKS:
                yield node


@pytest.mark.parametrize("rule", [ZONE_IN_SQL, NOW_IN_SQL], ids=["zone", "now"])
def test_sql_files_leave_zones_and_now_to_python(rule: re.Pattern[str]) -> None:
    """DuckDB's zone rules and Python's disagree on some zones; and a query that asks the time cannot be tested or replayed."""
    lines = [
        (path, number, line)
        for path in files(".sql")
        for number, line in enumerate(statements(path.read_text(encoding="utf-8")).splitlines(), 1)
    ]
    assert [f"{place(path, number)} {line.strip()}" for path, number, line in lines if rule.search(line)] == []


def test_sql_in_python_leaves_zones_to_python() -> None:
    found = [place(path, node) for path in files(".py") for node in strings(tree(path)) if ZONE_IN_SQL.search(str(node.value))]
    assert found == []


def test_only_the_clock_asks_the_system() -> None:
    paths = [path for path in files(".py") if not MAY_ASK.fullmatch(str(path.relative_to(ROOT)))]
    assert [place(path, call) for path in paths for call in asks(tree(path))] == []


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("datetime.now(UTC)", True),
        ("dt.datetime.now()", True),
        ("time.time()", True),
        ("pd.Timestamp.utcnow()", True),
        ("clock.now()", False),
        ("self.now.now()", False),
        ("time.monotonic()", False),
    ],
)
def test_the_clock_rule_sees(source: str, seen: bool) -> None:
    assert bool(list(asks(ast.parse(source)))) is seen


@pytest.mark.parametrize(
    ("sql", "seen"),
    [("SELECT t at  time zone 'UTC'", True), ("SELECT 1 -- never AT TIME ZONE", False), ("/* AT TIME\nZONE */ SELECT 1", False)],
)
def test_the_zone_rule_sees(sql: str, seen: bool) -> None:
    assert bool(ZONE_IN_SQL.search(statements(sql))) is seen
