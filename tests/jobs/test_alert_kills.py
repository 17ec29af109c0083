"""SIGKILL between looking, noting, storing, telling and sending: nothing is lost, doubled or told again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from roomleft.settings import ROOT
from tests.jobs.alert_child import POINTS, main
from tests.jobs.alert_site import Site

BEFORE = [(0.0, True), (15.0, True)]
"""The second one fires."""
REST = [(30.0, True), (45.0, True), (60.0, False), (75.0, False)]


def killed(folder: Path, beats: list[tuple[float, bool]], point: str) -> bool:
    """Whether a process that goes through the beats dies at the point of its last one."""
    command = [sys.executable, "-m", "tests.jobs.alert_child", str(folder), point, json.dumps(beats)]
    return subprocess.run(command, cwd=ROOT, timeout=60, check=False).returncode == -signal.SIGKILL


def told(folder: Path) -> tuple[list[tuple[str, float]], list[tuple[str, ...]], list[int]]:
    """What happened, which notices there are, and how often each was delivered."""
    site = Site(folder)
    try:
        with site.state.read() as connection:
            notices = connection.execute(text("SELECT kind, why, state FROM outbox ORDER BY id")).all()
            query = "SELECT count(*) FROM deliveries WHERE outcome = 'delivered' GROUP BY notice_id"
            delivered = [count for (count,) in connection.execute(text(query))]
        return site.story, [tuple(row) for row in notices], delivered
    finally:
        site.leave()


@pytest.mark.peers
@pytest.mark.parametrize("point", POINTS)
def test_a_kill_anywhere_changes_nothing_in_the_end(tmp_path: Path, point: str) -> None:
    assert killed(tmp_path, BEFORE, point)
    main(tmp_path, "-", REST)
    story, notices, delivered = told(tmp_path)
    # Killed before anything of it was written down, an evaluation never was: the next one fires.
    fired_at = 30.0 if point == "looked" else 15.0
    assert story == [("pending", 0.0), ("firing", fired_at), ("resolved", 60.0)]
    assert notices == [("firing", "first notification", "delivered"), ("resolved", "all resolved", "delivered")]
    assert delivered == [1, 1]


def test_paging_04_a_resolve_survives_a_kill_before_it_is_told(tmp_path: Path) -> None:
    assert killed(tmp_path, [*BEFORE, (30.0, False)], "stored")
    main(tmp_path, "-", [(45.0, False)])
    story, notices, delivered = told(tmp_path)
    assert story == [("pending", 0.0), ("firing", 15.0), ("resolved", 30.0)]
    assert [kind for kind, _, _ in notices] == ["firing", "resolved"]
    assert delivered == [1, 1]
