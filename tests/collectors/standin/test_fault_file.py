"""Faults are remembered across runs: what the stand-in said of the past stays true."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.standin.fault_file import keep
from collectors.standin.faults import FaultLog, Window
from roomleft.errors import InputError
from roomleft.packs_standin_faults import FaultShape

SHAPES = {"slow": FaultShape(description="Slow", effects=[{"usage": {"latency_multiply": 5}}])}  # type: ignore[list-item]


def log() -> FaultLog:
    return FaultLog(SHAPES, (Window("slow", 1, 2),))


def test_a_fault_that_was_on_at_the_end_is_on_at_every_later_start(tmp_path: Path) -> None:
    file = tmp_path / "faults.json"
    first = log()
    keep(file, {"a": first})
    first.switch("slow", True, 10)
    first.switch("slow", False, 20)
    first.switch("slow", True, 30)
    for _ in range(2):
        again = log()
        keep(file, {"a": again})
        assert again.windows() == (Window("slow", 1, 2), Window("slow", 10, 20), Window("slow", 30))
    again.switch("slow", False, 120)
    last = log()
    keep(file, {"a": last})
    assert last.switched() == (Window("slow", 10, 20), Window("slow", 30, 120))


def test_faults_of_platforms_and_names_that_are_gone_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "faults.json"
    file.write_text('[["gone", "slow", 1, 2], ["a", "gone", 1, 2]]')
    only = log()
    keep(file, {"a": only})
    assert only.switched() == ()


@pytest.mark.parametrize("text", ["{", "[1]", '[["a", "slow", "x", 2]]'])
def test_a_damaged_log_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "faults.json"
    file.write_text(text)
    with pytest.raises(InputError, match=r"faults\.json"):
        keep(file, {"a": log()})
