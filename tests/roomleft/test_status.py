"""`status` says how old its answer is, how old each reading is, and since when something is out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from roomleft.cli import ask
from roomleft.clock import FixedClock
from roomleft.packs import load_pack
from roomleft.settings import ROOT
from tests.roomleft.running import run_command
from warehouse import tables
from warehouse.store import Store

NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
LIMIT = load_pack(ROOT / "packs" / "scribe.yaml").limit_list()[0]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command on a data folder whose first limit was measured for two hours, and is out since one; its code and both outputs."""
    for name in [name for name in os.environ if name.startswith("ROOMLEFT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ROOMLEFT_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ROOMLEFT_PACKS", "scribe")
    monkeypatch.setattr(ask, "Clock", lambda: FixedClock(NOW))
    with Store.open(f"duckdb:///{tmp_path}/warehouse.duckdb", now=FixedClock(NOW)) as store:
        rows = pa.Table.from_pylist([row(minutes) for minutes in range(120)], schema=tables.HEADROOM)
        store.run(lambda tx: tx.insert("headroom", rows))

    def command(*words: str) -> tuple[int, str, str]:
        return run_command(monkeypatch, capsys, *words)

    return command


def row(minutes_ago: int) -> dict[str, object]:
    as_of = NOW - timedelta(minutes=minutes_ago, seconds=20)
    state, used = ("exhausted", 12) if minutes_ago < 60 else ("ok", 2)
    return {
        "limit_id": LIMIT.limit_id, "platform": "scribe", "kind": str(LIMIT.kind), "unit": LIMIT.unit, "amount": Decimal(10),
        "used": Decimal(used), "remaining": Decimal(10 - used), "fraction_left": 1 - used / 10, "state": state, "reason": "",
        "subject": "", "basis": "", "lower_bound": False, "freshness": "provisional", "as_of": as_of,
        "observed_at": as_of - timedelta(seconds=25),
    }  # fmt: skip


def test_ages_and_since_when_are_told(run: Run) -> None:
    code, out, err = run("status")
    assert code == 2, "the other limits were never measured"
    assert err.splitlines()[0] == "as of 20 Nov 2026 12:00:30 UTC, measured 20 s ago"
    head, *lines = [line.split("\t") for line in out.splitlines()]
    (found,) = [dict(zip(head, line, strict=True)) for line in lines if line[head.index("limit")] == LIMIT.title]
    assert (found["state"], found["since"], found["reading"]) == ("exhausted", "20 Nov 2026 11:01", "45 s old")
    others = [line[head.index("reading")] for line in lines if line[head.index("limit")] != LIMIT.title]
    assert others
    assert set(others) == {"none"}


def test_programs_get_the_instants(run: Run) -> None:
    _, out, _ = run("status", "--json")
    (found,) = [each for each in json.loads(out) if each["limit_id"] == LIMIT.limit_id]
    assert (found["as_of"], found["observed_at"], found["since"]) == (
        "2026-11-20T12:00:10Z", "2026-11-20T11:59:45Z", "2026-11-20T11:01:10Z",
    )  # fmt: skip
    assert list(found) == list(ask.SHOWN)


def told(title: str, urgency: int | None, **more: object) -> dict[str, object]:
    words = {"left": "398 of 5,010\u202fGB", "runs_out": "24\u00a0Nov 22–27\u00a0Nov", "order_by": "21 Nov"}
    return {
        "state": "ok", "platform": "shop", "title": title, "fraction_left": 0.08, "p_breach": 0.2, "next_step": {"what": "Buy", "cost_usd_per_month": None},
        "observed_at": None, "reason": "not read", "urgency": urgency, "words": words, **more,
    }  # fmt: skip


def test_a_limit_is_told_as_pages_tell_it_the_most_urgent_first(capsys: pytest.CaptureFixture[str]) -> None:
    ask.status_table(
        [told("Fine", None), told("Second", 2), told("Dark", None, state="unknown"), told("First", 1, state="tight")]
    )
    head, *lines = (each.split("\t") for each in capsys.readouterr().out.splitlines())
    found = [dict(zip(head, line, strict=True)) for line in lines]
    assert [each["limit"] for each in found] == ["First", "Second", "Fine", "Dark"]
    assert [each["next step"] for each in found] == ["Buy", "Buy", "", ""]
    assert {name: found[0][name] for name in ("left", "runs out", "order by")} == {
        "left": "398 of 5,010 GB", "runs out": "24 Nov 22–27 Nov", "order by": "21 Nov",
    }  # fmt: skip
    assert (found[3]["runs out"], found[3]["reason"]) == ("", "not read"), "why it is unknown is said once"


def test_announced_events_of_a_platform_that_is_none_are_refused(run: Run) -> None:
    code, out, err = run("expect", "list", "--platform", "nosuch")
    assert (code, out) == (1, "")
    assert "unknown platform 'nosuch'" in err
    assert "scribe" in err
    assert run("expect", "list", "--platform", "scribe")[0] == 0
    assert run("expect", "add", "launch", "--for", "2d", "--platform", "nosuch")[0] == 1
