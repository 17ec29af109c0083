"""docs/money-cases.md names a test for every case, and the test is there; no case of the list of real failures is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from roomleft.settings import ROOT

PAGE = (ROOT / "docs" / "money-cases.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (\S[^|]*#\d+) \| ([^|]+) \| ([^|]+) \| (\S+) \|$", re.MULTILINE)
ROWS = ROW.findall(PAGE)
TESTS = set(
    re.findall(r"def (test_\w+)", "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")))
)
NUMBER = re.compile(r"#(\d+)")


@pytest.mark.parametrize(("thread", "test"), [(row[0], row[3]) for row in ROWS])
def test_every_case_has_its_test_or_a_reason(thread: str, test: str) -> None:
    if test == "–":
        assert next(row[2] for row in ROWS if row[0] == thread).startswith("not applicable: ")
    else:
        assert test.strip("`") in TESTS
        assert NUMBER.search(thread)[1] in test or "the same" in next(row[1] for row in ROWS if row[0] == thread), test  # type: ignore[index]


def test_no_case_is_left_out(shared_data: Path) -> None:
    listed = (shared_data.parent / "cases" / "money.md").read_text(encoding="utf-8")
    cases = listed[: listed.index("## What users of those systems still ask for")]
    assert set(NUMBER.findall(cases)) <= set(NUMBER.findall(PAGE))


def test_every_row_of_the_page_is_read() -> None:
    assert len(ROWS) == sum(line.startswith("| ") and "#" in line for line in PAGE.splitlines())
