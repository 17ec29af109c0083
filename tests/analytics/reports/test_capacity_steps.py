"""Steps of the capacity report beside one another: of two that oppose one another one is ordered, and one step is told and counted once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from analytics.reports.capacity import content
from analytics.reports.capacity_steps import settled
from dashboards.reports.capacity_text import capacity_text
from dashboards.reports.capacity_xlsx import capacity_xlsx
from roomleft.limits import State
from tests.analytics.reports.capacity_world import NOW, pack, row, scribe


def told(cpu: float = 66.0, content_days: float = 62.0) -> dict[str, Any]:
    """The report where CPU use is below its least, while its forecast calls for more instances; `content_days`: when storage is full."""
    of, given = pack("scribe"), scribe(cpu=cpu, cpu_spread=0.12)
    storage = row(of.limit("content"), "0.7", chance=0.6, days=content_days)
    others = [each for each in given.rows if each[1].limit_id != "scribe.content"]
    return content(of, replace(given, rows=[storage, *others]), NOW)


def flat(text: str) -> str:
    return " ".join(text.replace("\u202f", " ").split())


def test_of_two_steps_that_oppose_one_another_only_the_more_urgent_is_ordered() -> None:
    found = told()
    fewer = next(each for each in found["decisions"] if each["limit_id"] == "scribe.cpu_use")
    more = next(each for each in found["recommendations"] if each["advice"] == "add_instances")
    assert (fewer["waits_for"], fewer["by"]) == ("Add 2–3 instances", "")
    assert (more["waits_for"], more["urgency"]) == ("", "order now")
    text = flat(capacity_text(found))
    assert "Run one instance fewer at night [waits]" in text
    assert "it opposes “Add 2–3 instances”, which is more urgent, and waits for it" in text
    assert "order now" not in found["first"] or "Run one instance fewer" not in found["first"]


def test_the_later_of_two_waits_also_where_it_is_the_advice() -> None:
    advice = {
        "when": "w", "words": "", "of": None, "holds": True, "order_by": NOW + timedelta(days=9), "action": "Add", "urgency": "order by 30 Nov",
        "saving_usd": None, "cost_usd": Decimal(500), "pulls_against": {"limit_id": "scribe.cpu_use"},
    }  # fmt: skip
    decision = {
        "limit_id": "scribe.cpu_use", "also": [], "by": "24 Nov", "order_by": NOW + timedelta(days=3), "exhausts_at": None, "what": "Run fewer",
        "cost_usd_per_month": Decimal(-90),
    }  # fmt: skip
    (first,), (second,) = settled([advice], [decision], [], NOW, NOW.tzinfo)
    assert (first["waits_for"], first["urgency"], second["waits_for"], second["by"]) == (
        "Run fewer", "waits for “Run fewer”", "", "24 Nov",
    )  # fmt: skip
    (calm,), (second,) = settled([{**advice, "holds": False}], [decision], [], NOW, NOW.tzinfo)
    assert (calm["waits_for"], second["waits_for"]) == ("", "")


@pytest.mark.parametrize(("days", "by"), [(62.0, "now"), (25.0, "now")])
def test_an_advice_that_is_a_limit_s_next_step_is_told_and_counted_once(days: float, by: str) -> None:
    found = told(content_days=days)
    if days > 30 and not any(each["limit_id"] == "scribe.content" for each in found["decisions"]):
        pytest.fail("storage needs a decision here")
    storage = next(each for each in found["decisions"] if each["limit_id"] == "scribe.content")
    archive = next(each for each in found["recommendations"] if each["advice"] == "archive")
    assert (archive["same_as"], storage["by"]) == ("scribe.content", by)
    text = flat(capacity_text(found))
    assert "Archive old content" not in text.partition("FORECASTS")[0]
    assert "Advised too when storage grows by more than 50 %." in text
    # 20 % of the forecast AI cost alone: the archive's $200 are the limit's step.
    assert found["steps"]["recommended_saving_usd"] == "907.20"
    assert len(capacity_xlsx(found)) > 5000


def test_every_saving_has_its_period() -> None:
    found = content(pack("scribe"), scribe(), NOW)
    assert [each["money"].endswith("a month") for each in found["recommendations"] if each["saving_usd"] is not None] == [
        True,
        True,
    ]


def test_a_share_of_the_budget_is_told_apart_from_what_is_spent() -> None:
    given = scribe()
    optimise = next(each for each in content(pack("scribe"), given, NOW)["recommendations"] if each["advice"] == "optimise_ai")
    words = flat(optimise["words"])
    assert "83.5 % of the budget at the last 30 days' cost (holds); 59.6 % spent this month; 90.7 % within 30 days" in words
    unknown = [
        each if each[1].limit_id != "scribe.ai_budget" else (replace(each[0], used=None, state=State.UNKNOWN), each[1])
        for each in given.rows
    ]
    optimise = next(
        each
        for each in content(pack("scribe"), replace(given, rows=unknown), NOW)["recommendations"]
        if each["advice"] == "optimise_ai"
    )
    assert "spent this month" not in optimise["words"]
