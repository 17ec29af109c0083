"""Ten of the hundred kills of `make chaos`, in every test run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.run import chaos


@pytest.mark.chaos
def test_ten_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    outcome = chaos(tmp_path, kills=10, seed=20261121, rows=200)
    assert outcome.kills == 10
    assert outcome.differences == []
