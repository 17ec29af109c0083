"""`reprice`, `close` and `reopen` without a server: what they print, what they change, what they refuse."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from roomleft.book_periods import book_period, day_or_instant
from roomleft.clock import FixedClock
from roomleft.errors import InputError
from roomleft.packs import load_pack
from roomleft.settings import ROOT
from tests.roomleft.running import run_command
from tests.warehouse.rows import make_usage
from warehouse.rollup import roll_up
from warehouse.state import StateDb
from warehouse.state.audit import Audit
from warehouse.store import Store, as_rows
from warehouse.writer import Batch, Writer

DAY = datetime(2025, 10, 5, tzinfo=UTC)
NOW = datetime(2025, 12, 1, tzinfo=UTC)
RATE = next(rate for rate in load_pack(ROOT / "packs" / "scribe.yaml").rates(NOW) if rate.unit == "output_tokens")
COST = RATE.usd_per_unit * 1_000_000
SPAN = ("--since", "2025-10-01", "--until", "2025-11-01")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command on a data folder with two days of calls that were stored before their price was known."""
    for name in [name for name in os.environ if name.startswith("ROOMLEFT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ROOMLEFT_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ROOMLEFT_PACKS", "scribe")
    with Store.open(f"duckdb:///{tmp_path}/warehouse.duckdb", now=FixedClock(NOW)) as store:
        writer = Writer(store, FixedClock(NOW), group_ms=0)
        writer.start()
        named = {"platform": "scribe", "provider": RATE.provider, "model": RATE.model, "output_tokens": 1_000_000}
        usage = make_usage(2, start=DAY, every=timedelta(days=1), **named)
        assert writer.submit(Batch("scribe", usage=usage)).result(30).added == 2
        writer.close()

    def command(*words: str) -> tuple[int, str, str]:
        return run_command(monkeypatch, capsys, *words)

    return command


def figure(tmp_path: Path) -> dict[str, Any]:
    with Store.open(f"duckdb:///{tmp_path}/warehouse.duckdb", now=FixedClock(NOW)) as store:
        roll_up(store, NOW)
        return as_rows(store.select("SELECT sum(cost_usd) AS usd, sum(restated_requests)::BIGINT AS n FROM usage_15m"))[0]


def test_looking_prints_a_line_a_model_and_day_and_a_total_they_add_up_to(run: Run, tmp_path: Path) -> None:
    code, out, err = run("reprice", *SPAN)
    head, *lines = [line.split("\t") for line in out.splitlines()]
    assert (code, head[0], head[-1]) == (0, "day", "difference")
    assert [(line[0], line[4]) for line in lines] == [("2025-10-05", "late price"), ("2025-10-06", "late price"), ("total", "")]
    money = [[Decimal(cell.replace("$", "").replace(",", "")) for cell in line[6:]] for line in lines]
    assert money[-1] == [sum(column) for column in zip(*money[:-1], strict=True)] == [0, 2 * COST, 2 * COST]
    assert "2025-10-01 to 2025-10-08: 2 calls, 2 differ" in err
    assert "Nothing was changed" in err
    assert figure(tmp_path) == {"usd": 0, "n": 0}


def test_applying_changes_the_figure_once_and_stands_in_the_audit(run: Run, tmp_path: Path) -> None:
    first = json.loads(run("reprice", *SPAN, "--apply", "--json")[1])
    assert (first["revisions"], Decimal(first["total"]["difference_usd"]), first["applied"]) == (2, 2 * COST, True)
    again = json.loads(run("reprice", *SPAN, "--apply", "--json")[1])
    assert (again["revisions"], Decimal(again["total"]["difference_usd"])) == (0, 0)
    assert figure(tmp_path) == {"usd": 2 * COST, "n": 2}
    state = StateDb.open(f"sqlite:///{tmp_path}/state.db", FixedClock(NOW))
    deeds = [entry for entry in Audit(state).recent() if entry.what == "reprice"]
    state.close()
    assert sum(int(str(entry.detail["revisions"])) for entry in deeds) == 2


def test_closed_books_refuse_until_they_are_opened(run: Run, tmp_path: Path) -> None:
    assert run("close", "2025-10", "--platform", "scribe", "--note", "sent to finance")[0] == 0
    code, out, err = run("reprice", *SPAN, "--apply")
    assert (code, out) == (1, "")
    assert "the books are closed: 2025-10-01 00:00 to 2025-11-01 00:00 UTC of scribe" in err
    assert figure(tmp_path)["n"] == 0
    (listed,) = json.loads(run("close", "--json")[1])
    assert (listed["platform"], listed["note"]) == ("scribe", "sent to finance")
    assert run("reopen", "2025-10")[0] == 1, "it was not closed for all platforms"
    assert json.loads(run("reopen", "2025-10", "--platform", "scribe", "--json")[1]) == []
    assert run("reprice", *SPAN, "--apply")[0] == 0
    assert figure(tmp_path)["n"] == 2


REFUSED = {
    "a month that is not over": (("close", "2199-01"), "only a span that is over can be closed"),
    "no period": (("close", "october"), "'october' is not a period"),
    "a month that is not": (("close", "2025-13"), "'2025-13' is not a period"),
    "an unknown zone": (("close", "2025-10", "--zone", "Europe/Berln"), "unknown time zone"),
    "nothing closed": (("reopen", "2025-10"), "2025-10 of all platforms is not closed"),
    "the wrong way round": (("reprice", "--since", "2025-11-01", "--until", "2025-10-01"), "--since must be before --until"),
    "no day": (("reprice", "--since", "yesterday", "--until", "2025-10-01"), "'yesterday' is not an instant"),
}  # fmt: skip


@pytest.mark.parametrize(("words", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_is_refused_with_what_to_do(run: Run, words: tuple[str, ...], said: str) -> None:
    code, out, err = run(*words)
    assert (code, out) == (1, "")
    assert said in err
    assert "to do:" in err


PERIODS = {
    "2026-10": ("2026-09-30T22:00Z", "2026-10-31T23:00Z"),
    "2026-10-25": ("2026-10-24T22:00Z", "2026-10-25T23:00Z"),
    "2026-Q1": ("2025-12-31T23:00Z", "2026-03-31T22:00Z"),
    "2026": ("2025-12-31T23:00Z", "2026-12-31T23:00Z"),
}


@pytest.mark.parametrize(("text", "bounds"), PERIODS.items(), ids=PERIODS.keys())
def test_a_period_is_of_its_zone(text: str, bounds: tuple[str, str]) -> None:
    assert book_period(text, ZoneInfo("Europe/Berlin")) == tuple(datetime.fromisoformat(each) for each in bounds)


def test_a_day_or_an_instant() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert day_or_instant("2026-07-01", berlin) == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert day_or_instant("2026-07-01T00:00:00Z", berlin) == datetime(2026, 7, 1, tzinfo=UTC)
    with pytest.raises(InputError):
        day_or_instant("2026-07", berlin)
