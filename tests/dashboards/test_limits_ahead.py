"""What screens say of a limit's future in every state: chances, dates that hold only if so, orders, and why there is no date."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dash.development.base_component import Component
from plotly.utils import PlotlyJSONEncoder

from dashboards import limit_words
from dashboards.components.limit_table import limit_table
from dashboards.drawer import details
from dashboards.exports import limits_as_csv
from dashboards.filters import parse
from dashboards.headroom_rows import plain_row, told_rows
from dashboards.limit_rows import STALE_AFTER, LimitRow, believed, limit_rows, sorted_by
from roomleft.limits import State
from tests.dashboards.sample_rows import NOW, SAMPLES, headroom_row

ZONE = ZoneInfo("UTC")
DAY = timedelta(days=1)
BUDGET, STOCK, ROLLING, FLOOR = "tabletop.api_share", "coach.daily_users", "scribe.api_p95", "scribe.cache_hits"


def row(limit_id: str, **more: Any) -> LimitRow:
    """A sample limit that is ok and has no date, with more said of it. Dates and orders are days from now."""
    sample = next(each for each in SAMPLES if each.limit.limit_id == limit_id)
    days = {name: NOW + value * DAY for name, value in more.items() if name in DATES}
    plain = {"state": "ok", "reason": "", "exhausts_p10": None, "exhausts_p50": None, "exhausts_p90": None, "burn_rate": None}
    (found,) = limit_rows([{**headroom_row(sample), **plain, **more, **days}], [sample.limit], NOW)
    return found


DATES = ("exhausts_p10", "exhausts_p50", "exhausts_p90", "order_by", "about_to")
WHEN = {"exhausts_p10": 5, "exhausts_p50": 7, "exhausts_p90": 9}
SOME = {"basis": "forecast from 90 days", "forecast_run": "r1"}


@pytest.mark.parametrize(
    ("limit_id", "given", "out", "chance"),
    [
        pytest.param(BUDGET, {"p_breach": 0.72, **WHEN, **SOME}, "27 Nov 25–29 Nov", "72 %", id="a budget probably"),
        pytest.param(BUDGET, {"p_breach": 0.03, **WHEN, **SOME}, "27 Nov 25–29 Nov", "3 %", id="a budget hardly: the date is dim"),
        pytest.param(BUDGET, {"p_breach": 0.004, **WHEN, **SOME}, "after 30 Nov resets 1 Dec", "< 1 %", id="a budget lasts"),
        pytest.param(BUDGET, {"p_breach": 0.002, **SOME}, "after 30 Nov resets 1 Dec", "< 1 %", id="a budget that never runs out"),
        pytest.param(BUDGET, {"p_breach": 0.999, **WHEN, **SOME}, "27 Nov 25–29 Nov", "> 99 %", id="a budget almost certainly"),
        pytest.param(BUDGET, {"p_breach": 1.0, "state": "exhausted", **SOME}, "has run out refills 1 Dec", "out", id="out"),
        pytest.param(BUDGET, {"basis": "5 of 7 days needed", "no_date": "too_short"}, "no date yet 5 of 7 days needed", "–", id="too short"),
        pytest.param(BUDGET, {"basis": "5 of 7 days needed"}, "no date 5 of 7 days needed", "–", id="no forecast and no pace"),
        pytest.param(BUDGET, {"basis": "too many days are missing", "no_date": "too_gappy"}, "no date too many days are missing", "–", id="gappy"),
        pytest.param(BUDGET, {"p_breach": 0.4, "no_date": "no_better", **SOME}, "no date nothing forecasts it better than repeating last week", "40 %", id="a chance, no date"),
        pytest.param(BUDGET, {"p_breach": 0.004, "no_date": "no_better", **SOME}, "after 30 Nov resets 1 Dec", "< 1 %", id="it lasts all the same"),
        pytest.param(STOCK, {"p_breach": 0.74, "no_date": "too_sparse", "basis": "used on too few days for a date"},
                     "no date too few days with use to name a day", "74 %", id="probably, and nobody knows when"),
        pytest.param(STOCK, {"p_breach": 0.09, **SOME}, "unlikely in 90 d", "9 %", id="less than a tenth"),
        pytest.param(BUDGET, {**WHEN}, "27 Nov 25–29 Nov", "–", id="at the present pace"),
        pytest.param(STOCK, {"p_breach": 0.6, **WHEN, **SOME}, "27 Nov 25–29 Nov", "60 %", id="a stock"),
        pytest.param(STOCK, {"p_breach": 0.12, "exhausts_p10": 25, **SOME}, "not before 15 Dec 10 % by then", "12 %", id="a stock perhaps"),
        pytest.param(STOCK, {"p_breach": 0.004, "no_date": "beyond", **SOME}, "not in 90 d", "< 1 %", id="a stock far off"),
        pytest.param(STOCK, {"basis": "recent rate, 14 days"}, "not at this pace", "–", id="a stock at its pace"),
        pytest.param(ROLLING, {"p_breach": 0.01, **SOME}, "unlikely in 30 d", "1 %", id="a rolling budget"),
        pytest.param(FLOOR, {"p_breach": 0.3, **WHEN, **SOME}, "27 Nov 25–29 Nov", "30 %", id="a floor"),
        pytest.param(STOCK, {"state": "unknown", "reason": "silent", "p_breach": 0.6}, "no date silent", "–", id="unknown"),
    ],
)  # fmt: skip
def test_a_future_in_words(limit_id: str, given: dict[str, Any], out: str, chance: str) -> None:
    found = row(limit_id, **given)
    said = limit_words.runs_out(found, NOW, ZONE).plain(), limit_words.chance(found)
    assert tuple(text.replace("\u202f", " ").replace("\u00a0", " ") for text in said) == (out, chance)


def test_a_date_that_hardly_holds_is_dim_and_sorts_last() -> None:
    hardly, probably = row(BUDGET, p_breach=0.03, **WHEN), row(STOCK, p_breach=0.6, **{**WHEN, "exhausts_p50": 8})
    assert (hardly.is_remote, probably.is_remote) == (True, False)
    assert sorted_by([hardly, probably], "runs-out") == [probably, hardly]
    assert not row(BUDGET, p_breach=0.03, state="exhausted").is_remote


@pytest.mark.parametrize(
    ("limit_id", "ends", "fan"),
    [
        (BUDGET, ("41000", "54720", "68400"), (0.749, 1.0, 1.25)),
        # Of a floor the lowest reading fills the bar most.
        (FLOOR, ("80", "90", "100"), (0.9, 1.0, 1.125)),
        (ROLLING, ("0.03", "0.04", "0.06"), (0.6, 0.8, 1.2)),
        (STOCK, ("-5", "500", "1000"), (0.0, 0.5, 1.0)),
    ],
)
def test_the_fan_ends_where_the_forecast_does(limit_id: str, ends: tuple[str, ...], fan: tuple[float, ...]) -> None:
    given = dict(zip(("ends_p10", "ends_p50", "ends_p90"), map(Decimal, ends), strict=True))
    assert row(limit_id, p_breach=0.5, **given).fan() == pytest.approx(fan, abs=0.001)
    assert row(limit_id, p_breach=0.5, **given, state="unknown").fan() is None


def test_a_row_too_old_to_believe_foresees_nothing() -> None:
    old = believed(row(STOCK, p_breach=0.6, order_by=3, **WHEN).headroom, NOW + STALE_AFTER + DAY)
    assert (old.state, old.p_breach, old.exhausts_p50, old.order_by, old.no_date) == (State.UNKNOWN, None, None, None, "stale")


def text_of(component: Any) -> str:
    """All words of a component, as they are read."""
    if isinstance(component, (list, tuple)):
        return " ".join(text for each in component if (text := text_of(each)))
    if isinstance(component, Component):
        return text_of(getattr(component, "children", None))
    return "" if component is None else str(component).replace("\u202f", " ").replace("\u00a0", " ")


def test_the_table_says_chance_order_and_cost() -> None:
    rows = [row(STOCK, p_breach=0.6, order_by=3, **WHEN), row(BUDGET, p_breach=0.02, **WHEN)]
    table = limit_table(rows, parse("/", ""), NOW)
    head, first, second = (text_of(each) for each in table.children)
    assert "Chance" in head
    assert "60 %" in first
    assert "+$1,940/mo order by 23 Nov tier 4" in first
    assert "order" not in second
    # What has run out needs no forecast to be certain, and makes no column of chances by itself.
    assert "Pace" in text_of(limit_table([row(BUDGET, p_breach=1.0, state="exhausted")], parse("/", ""), NOW).children[0])


def test_the_drawer_says_if_so_and_by_when_to_order() -> None:
    given = {"p_breach": 0.72, "order_by": -2, "ends_p10": Decimal(48000), "ends_p50": Decimal(56000), "ends_p90": Decimal(61000)}
    said = text_of(details(row(BUDGET, **given, **WHEN, **SOME), parse("/", ""), NOW))
    assert "72 % chance of exceeding" in said
    assert "before it refills on 1 Dec" in said
    assert "likely $48–61k" in said
    assert "if so about the 27th (25th–29th)" in said
    assert "Order was due 2 days ago" in said


def test_programs_get_the_same() -> None:
    given = {
        "p_breach": 0.72,
        "order_by": 3,
        "about_to": 10,
        "ends_p10": Decimal(1),
        "ends_p50": Decimal(2),
        "ends_p90": Decimal(3),
    }
    found = row(BUDGET, **given, **WHEN, **SOME)
    told = plain_row(found)
    assert told["exhausts_at"] == {"p10": NOW + 5 * DAY, "p50": NOW + 7 * DAY, "p90": NOW + 9 * DAY}
    assert told["ends"] == {"p10": 1, "p50": 2, "p90": 3}
    assert (told["p_breach"], told["order_by"], told["about_to"], told["no_date"]) == (0.72, NOW + 3 * DAY, NOW + 10 * DAY, None)
    assert told["next_step"] == {"what": "cache + batch", "cost_usd_per_month": Decimal(-6100), "lead_time_s": 172_800.0}
    (line,) = csv.DictReader(io.StringIO(limits_as_csv([found])))
    wanted = {"p_breach": "0.72", "order_by": (NOW + 3 * DAY).isoformat(), "ends_p50": "2", "next_step_lead_time_days": "2.0"}
    assert {name: line[name] for name in wanted} == wanted
    none = plain_row(replace(found, headroom=replace(found.headroom, exhausts_p50=None, ends_p50=None)))
    assert (none["exhausts_at"], none["ends"]) == (None, None)
    assert json.dumps(told, cls=PlotlyJSONEncoder)


def test_programs_get_the_words_of_pages_and_the_order_in_which_limits_need_somebody() -> None:
    later, sooner = row(BUDGET, p_breach=0.72, **{**WHEN, "exhausts_p50": 8}), row(STOCK, p_breach=0.9, order_by=-1, **WHEN)
    fine = row(FLOOR, p_breach=0.1)
    found = {each["limit_id"]: each for each in told_rows([fine, later, sooner], NOW)}
    assert {name: each["urgency"] for name, each in found.items()} == {FLOOR: None, BUDGET: 2, STOCK: 1}
    for each in (fine, later, sooner):
        words = found[each.key]["words"]
        assert words["left"] == limit_words.left(each).plain()
        assert words["runs_out"] == limit_words.runs_out(each, NOW, ZONE).plain()
    assert [found[name]["words"]["order_by"] for name in (STOCK, BUDGET)] == ["now", ""]
