"""What rules say of anomalies: at one instant and over history alike, as they had been found by then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from analytics.anomalies.finding import Anomaly, anomaly_id
from analytics.anomalies.storing import mark_as_known, store_anomalies
from analytics.conditions import look
from analytics.history import stretches
from roomleft.rules import Rule
from tests.analytics.looking import HOUR, MINUTE, NOW, Watched, rule

QUARTER = 15 * MINUTE


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Watched]:
    world = Watched(tmp_path)
    yield world
    world.close()


def anomaly(
    target: str = "shop/ai_cost",
    *,
    form: str = "page",
    ago: timedelta = QUARTER,
    p: float = 1e-5,
    above: bool = True,
    metric: str = "cost",
) -> Anomaly:
    about_at = NOW - ago - HOUR
    value, expected = (9.0, 3.0) if above else (0.0, 3.0)
    causes = {"metric": metric, "step_s": 900, "words": "+$6: 90 % from model x"}
    return Anomaly(
        anomaly_id(target, form, about_at, QUARTER), "shop", target, form, "usd", about_at, NOW - ago, value, expected, 2.0, 4.0, p, "", causes,
        NOW - ago + 2 * MINUTE,
    )  # fmt: skip


def put(shop: Watched, row: Anomaly) -> None:
    """Store it as if it had been found when it says."""
    shop.clock.at = row.found_at
    store_anomalies(shop.store, [row])


def said(shop: Watched, *rules: Rule, at: Any = NOW) -> dict[str, list[dict[str, str]]]:
    """The labels of what holds, by rule."""
    found = look(shop.view(at), {each.rule_id: each for each in rules}, at)
    return {name: [dict(each.labels) for each in looked.findings if each.holds] for name, looked in found.items()}


CASES: dict[str, tuple[Anomaly, dict[str, Any], bool]] = {
    "a page of the total": (anomaly(), {}, True),
    "of another metric": (anomaly(), {"anomaly": "latency"}, False),
    "of the screen alone": (anomaly(form="screen"), {}, False),
    "asked of the screen": (anomaly(form="screen"), {"form": "screen"}, True),
    "of a part": (anomaly("shop/ai_cost#model=x"), {}, False),
    "of a part, all asked for": (anomaly("shop/ai_cost#model=x"), {"target": "*"}, True),
    "the one that is asked for": (anomaly("shop/ai_cost#model=x"), {"target": "shop/ai_cost#model=x"}, True),
    "rarer than asked": (anomaly(p=1e-5), {"p_below": "0.001"}, True),
    "not as rare as asked": (anomaly(p=1e-2), {"p_below": "0.001"}, False),
    "above, as asked": (anomaly(), {"side": "above"}, True),
    "below, above asked": (anomaly(above=False), {"side": "above"}, False),
    "below, as asked": (anomaly(above=False), {"side": "below"}, True),
    "over for long": (anomaly(ago=2 * HOUR), {}, False),
    "over for less than an hour": (anomaly(ago=50 * MINUTE), {}, True),
}


@pytest.mark.parametrize("name", CASES)
def test_what_holds(shop: Watched, name: str) -> None:
    row, asked, holds = CASES[name]
    put(shop, row)
    shop.clock.at = NOW
    found = said(shop, rule({"anomaly": "cost", **asked}))["shop.Watched"]
    one = asked.get("target") not in (None, "*")
    assert found == ([{} if one else {"target": row.target}] if holds else [])


def test_what_is_known_does_not_hold_from_then_on(shop: Watched) -> None:
    row = anomaly()
    put(shop, row)
    watched = rule({"anomaly": "cost"})
    shop.clock.at = NOW
    assert said(shop, watched)["shop.Watched"]
    mark_as_known(shop.store, row, "launch: sale", NOW)
    assert said(shop, watched, at=NOW + MINUTE)["shop.Watched"] == []
    # A look back at the instant before sees what was known then.
    assert said(shop, watched, at=NOW - MINUTE)["shop.Watched"]


def test_nothing_unusual_is_nothing_that_holds(shop: Watched) -> None:
    watched = rule({"anomaly": "cost"})
    (looked,) = look(shop.view(NOW), {"r": watched}, NOW).values()
    assert looked.findings == ()
    assert looked.unknown is None


def test_words_of_before_that_name_a_user_are_not_passed_on(shop: Watched) -> None:
    row = anomaly()
    put(shop, replace(row, causes={**row.causes, "words": "+$6; 90 % of it is user u-4711; more calls"}))
    shop.clock.at = NOW
    found = look(shop.view(NOW), {"shop.Watched": rule({"anomaly": "cost"})}, NOW)["shop.Watched"]
    assert "u-4711" not in str(found)
    assert "is one user's; more calls" in str(found)


def test_the_words_say_what_was_read_what_was_expected_and_why(shop: Watched) -> None:
    put(shop, anomaly())
    shop.clock.at = NOW
    (looked,) = look(shop.view(NOW), {"r": rule({"anomaly": "cost"})}, NOW).values()
    (finding,) = looked.findings
    assert finding.reason == "shop/ai_cost is $9.00, $3.00 expected: +$6: 90 % from model x"
    assert finding.facts["cause"] == "+$6: 90 % from model x"
    assert (float(finding.value or 0), float(finding.line or 0), finding.unit) == (9.0, 3.0, "usd")


def test_a_replay_agrees_with_what_was_seen_live(shop: Watched) -> None:
    for row in (
        anomaly(ago=3 * HOUR),
        replace(anomaly(ago=2 * HOUR), anomaly_id=anomaly(ago=3 * HOUR).anomaly_id),
        anomaly("shop/ai_cost#model=x"),
    ):
        put(shop, row)
    mark_as_known(shop.store, anomaly("shop/ai_cost#model=x"), "other", NOW - 5 * MINUTE)
    shop.clock.at = NOW
    rules = {"shop.Watched": rule({"anomaly": "cost", "target": "*"})}
    instants = [(NOW - 4 * HOUR + i * 7 * MINUTE, NOW - 4 * HOUR + i * 7 * MINUTE + MINUTE) for i in range(36)]
    live = []
    for at, read_to in instants:
        found = look(shop.view(read_to), rules, at)["shop.Watched"]
        live.append(sorted(each.labels["target"] for each in found.findings if each.holds))
    replayed: list[list[str]] = [[] for _ in instants]
    for stretch in stretches(shop.view(NOW), rules, instants):
        for i in range(stretch.first, stretch.last + 1):
            replayed[i] = sorted(each.labels["target"] for each in stretch.looked.findings if each.holds)
    assert replayed == live
    assert any(live)
    assert not all(live)
