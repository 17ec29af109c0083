"""Six of the hundred kills of `make chaos`, with every run of the slow tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.run import chaos


@pytest.mark.chaos
@pytest.mark.peers
def test_six_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    outcome = chaos(tmp_path, kills=6, seed=20261121, rows=200)
    assert outcome.kills == 6
    assert outcome.differences == []
