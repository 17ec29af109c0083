"""docs/paging-cases.md tells of every case of the list of real failures, and each has at least one test named after its number."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from roomleft.settings import ROOT

PAGE = (ROOT / "docs" / "paging-cases.md").read_text(encoding="utf-8")
ROWS = {int(number): threads for number, threads in re.findall(r"^\| (\d+) \| ([^|]+) \|", PAGE, re.MULTILINE)}
TESTS = re.findall(
    r"def (test_paging_\w+)", "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
)
THREAD = re.compile(r"#(\d+)")


@pytest.mark.parametrize("case", sorted(ROWS))
def test_every_case_has_a_test_named_after_it(case: int) -> None:
    assert [name for name in TESTS if re.match(rf"test_paging_{case:02d}[a-z]?_", name)]


def test_no_test_speaks_of_a_case_that_is_not_on_the_page() -> None:
    assert {int(match[1]) for name in TESTS if (match := re.match(r"test_paging_(\d\d)[a-z]?_", name))} <= set(ROWS)


def test_no_case_is_left_out(shared_data: Path) -> None:
    listed = (shared_data.parent / "cases" / "paging.md").read_text(encoding="utf-8")
    cases = listed[: listed.index("## What users of those systems still ask for")]
    for number, words in re.findall(r"^(\d+)\. (.*)$", cases, re.MULTILINE):
        assert set(THREAD.findall(words)) <= set(THREAD.findall(ROWS[int(number)])), number
