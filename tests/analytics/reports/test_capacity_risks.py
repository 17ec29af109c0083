"""The capacity report's risks: each with its grounds, the worst first, none without."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from analytics.forecasting.track_record import Line, TrackRecord
from analytics.reports.capacity import Given, content
from analytics.reports.capacity_risks import Money
from roomleft.limits import State
from roomleft.outlook import Made
from tests.analytics.reports.capacity_world import NOW, given, pack, row, scribe


def told(of: Given, slug: str = "scribe") -> dict[str, Any]:
    return content(pack(slug), of, NOW)


def test_risks_have_grounds_worst_first() -> None:
    of = replace(
        scribe(),
        money=Money(
            cost=(Decimal(3000), Decimal(4200)), revenue=(Decimal(9000), Decimal(9450)), by_provider=[("gemini", Decimal(4000)), ("other", Decimal(200))],
            unpriced_requests=12, requests=4000,
        ),
    )  # fmt: skip
    found = {each["risk"]: each for each in told(of)["risks"]}
    assert found["cost_growth"]["grounds"].startswith("AI cost +40\u202f%, revenue +5\u202f%")
    assert found["cost_growth"]["severity"] == "high"
    assert found["one_provider"]["grounds"].startswith("gemini is 95\u202f% of the AI cost")
    assert found["unpriced"]["grounds"].startswith("12 of 4,000 calls")
    assert {"stale", "possible", "no_record"} <= set(found)
    data = [each["severity"] for each in told(of)["risks"] if each["source"] == "data"]
    assert data == sorted(data, key=("high", "medium", "low").index)


def test_models_of_the_platform_s_own_are_no_dependence_on_a_provider() -> None:
    money = Money(by_provider=[("self-hosted", Decimal(24))])
    found = told(replace(given([], []), money=money), "coach")
    assert "one_provider" not in {each["risk"] for each in found["risks"]}


def test_what_gives_no_grounds_is_no_risk() -> None:
    of = replace(
        scribe(cpu=72),
        money=Money(cost=(Decimal(3000), Decimal(3030)), revenue=(Decimal(9000), Decimal(9100)), by_provider=[("a", Decimal(5)), ("b", Decimal(5))]),
    )  # fmt: skip
    assert not {"cost_growth", "one_provider", "unpriced", "run_out"} & {each["risk"] for each in told(of)["risks"]}


def record(coverage: float, ranges: int) -> TrackRecord:
    line = Line(Made.LIVE, "capacity", "level", 30, ranges, coverage, 0.0, 0.1, 0.8, 1.0, 0, None, None)
    return TrackRecord((line,), words="When we said 80 %, it held.")


@pytest.mark.parametrize(("coverage", "ranges", "poor"), [(0.55, 40, True), (0.79, 40, False), (0.4, 5, False)])
def test_a_poor_record_is_a_risk_once_there_is_enough_of_it(coverage: float, ranges: int, poor: bool) -> None:
    risks = {each["risk"] for each in told(replace(scribe(), record=record(coverage, ranges)))["risks"]}
    assert ("poor_record" in risks) is poor
    assert "no_record" not in risks


def test_exhausted_limits_are_the_first_risk() -> None:
    of = scribe()
    out = row(pack("scribe").limit("memory"), "4.4", state=State.EXHAUSTED)
    risks = told(replace(of, rows=[*of.rows, out]))["risks"]
    assert (risks[0]["risk"], risks[0]["severity"], risks[0]["grounds"]) == (
        "run_out",
        "high",
        "CPU use ≥ 70 %; Memory of an instance",
    )
