"""What is installed is exact, explained and complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

LINE = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[a-z,]+\])?==(?P<version>[0-9][A-Za-z0-9.]*)(\s+#\s*(?P<reason>.+))?")
FRAME = ["dash", "plotly", "pandas", "duckdb", "prometheus-client", "apscheduler", "sqlalchemy", "psycopg", "scikit-learn"]
FRAME_OF_TESTS = ["pytest"]


def read(path: Path) -> dict[str, re.Match[str]]:
    """Each requirement of a file by normal name; the test fails at a line that is not `name==version`."""
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith(("#", "-r ")):
            continue
        match = LINE.fullmatch(line)
        assert match, f"{path.name}:{number}: not name==version with a reason: {line}"
        found[re.sub(r"[-_.]+", "-", match["name"]).lower()] = match
    return found


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_has_a_reason(name: str) -> None:
    assert [package for package, match in read(ROOT / name).items() if not match["reason"]] == []


def test_the_frame_is_used() -> None:
    assert set(FRAME) <= read(ROOT / "requirements.txt").keys()
    assert set(FRAME_OF_TESTS) <= read(ROOT / "requirements-dev.txt").keys()


def test_constraints_hold_every_requirement_at_the_same_version() -> None:
    constraints = {name: match["version"] for name, match in read(ROOT / "constraints.txt").items()}
    wanted = read(ROOT / "requirements.txt") | read(ROOT / "requirements-dev.txt")
    assert {name: constraints.get(name) for name in wanted} == {name: match["version"] for name, match in wanted.items()}
