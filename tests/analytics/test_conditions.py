"""What conditions say of readings, checks, headroom, meters, queries and Roomleft's own metrics, worked out by hand."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge

from analytics.conditions import look
from analytics.conditions_board import ABSENT, HOLDS, NOT, UNTOLD, Board, Told, joined
from analytics.conditions_own import OwnMetrics
from analytics.conditions_view import Remembered
from analytics.meters import Meters
from roomleft.findings import Finding, Unknown, fingerprint
from tests.analytics.looking import HOUR, MINUTE, NOW, SECOND, Watched, rule
from warehouse import tables
from warehouse.rollup import roll_up
from warehouse.writer import Batch, Cursor

THREE = {HOLDS: True, NOT: False, UNTOLD: None}


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    world = Watched(tmp_path)
    yield world
    world.close()


def single(truth: int, labels: Mapping[str, str] = {}) -> Board:
    column = np.array([[truth]], dtype=np.int8)
    return Board([labels], column, column.copy(), lambda g, i: Told(f"it is {truth}"))


@pytest.mark.parametrize(("left", "right"), list(itertools.product(THREE, THREE)))
def test_truth_has_three_values(left: int, right: int) -> None:
    a, b = THREE[left], THREE[right]
    both = False if a is False or b is False else None if a is None or b is None else True
    either = True if a or b else None if a is None or b is None else False
    assert THREE[int(joined([single(left), single(right)], every=True).holds[0, 0])] is both
    assert THREE[int(joined([single(left), single(right)], every=False).holds[0, 0])] is either


def test_findings_are_joined_by_the_labels_they_share() -> None:
    def board(*rows: tuple[Mapping[str, str], int]) -> Board:
        column = np.array([[truth] for _, truth in rows], dtype=np.int8)
        return Board([labels for labels, _ in rows], column, column.copy(), lambda g, i: Told())

    hosts = board(({"host": "a"}, HOLDS), ({"host": "b"}, HOLDS), ({"host": "c"}, NOT))
    disks = board(({"host": "a", "disk": "1"}, HOLDS), ({"host": "a", "disk": "2"}, NOT), ({"host": "d", "disk": "1"}, HOLDS))
    every = joined([hosts, disks, single(HOLDS)], every=True)
    assert [(dict(labels), int(truth)) for labels, truth in zip(every.labels, every.holds[:, 0], strict=True)] == [
        ({"host": "a", "disk": "1"}, HOLDS),
        ({"host": "a", "disk": "2"}, NOT),
    ]
    some = joined([hosts, disks], every=False)
    told = {tuple(sorted(labels.items())): int(truth) for labels, truth in zip(some.labels, some.holds[:, 0], strict=True)}
    assert {key: truth for key, truth in told.items() if truth != ABSENT} == {
        (("disk", "1"), ("host", "a")): HOLDS,
        (("disk", "2"), ("host", "a")): HOLDS,
        (("host", "b"),): HOLDS,
        (("host", "c"),): NOT,
        (("disk", "1"), ("host", "d")): HOLDS,
    }


def test_a_part_with_an_error_does_not_matter_where_another_part_settles_it(watched: Watched) -> None:
    watched.series("lag_s", [10.0], start=NOW)
    faulty = {"series": "lag_s", "threshold": "nothing_such"}
    assert watched.one({"all": [faulty, {"series": "lag_s", "above": 30}]}).findings[0].holds is False
    assert watched.one({"any": [faulty, {"series": "lag_s", "above": 5}]}).findings[0].holds is True
    told = watched.one({"all": [faulty, {"series": "lag_s", "above": 5}]})
    assert told.unknown is Unknown.ERROR
    assert "there is no threshold 'nothing_such'" in told.words


@pytest.mark.parametrize(("age_s", "told"), [(0, True), (299, True), (300, None), (3600, None)])
def test_a_reading_says_nothing_after_five_minutes(watched: Watched, age_s: int, told: bool | None) -> None:
    watched.series("lag_s", [31.0], start=NOW - age_s * SECOND)
    found = watched.one({"series": "lag_s", "over": "2h", "above": 30})
    assert (found.findings[0].holds if found.findings else None) is told
    assert (found.unknown is Unknown.STALE) is (told is None)


def test_after_a_day_of_silence_there_is_no_data(watched: Watched) -> None:
    watched.series("lag_s", [31.0], start=NOW - 25 * HOUR)
    found = watched.one({"series": "lag_s", "above": 30})
    assert (found.unknown, found.words) == (Unknown.NO_DATA, "no readings of lag_s in the last day")


def test_a_series_that_ended_while_its_source_is_read_is_gone_and_else_it_is_unknown(watched: Watched) -> None:
    for replica, last in (("r1", None), ("r2", 1.0)):
        watched.series("lag_s", [1.0, last], start=NOW - MINUTE, replica=replica, source="app")
    watched.series("up", [1.0, 0.0], start=NOW - MINUTE, source="shop.app", stream="samples")
    when = {"series": "lag_s", "by": ["replica"], "over_time": "last", "above": 30}
    assert [(finding.labels["replica"], finding.holds) for finding in watched.one(when).findings] == [("r1", None), ("r2", False)]
    watched.series("up", [1.0], start=NOW + 15 * SECOND, source="shop.app", stream="samples")
    later = watched.one(when, at=NOW + 15 * SECOND)
    assert [finding.labels["replica"] for finding in later.findings] == ["r2"]


@pytest.mark.parametrize(
    ("over_time", "across", "value"),
    [("last", "sum", 70.0), ("mean", "sum", 46.0), ("max", "max", 60.0), ("min", "min", 2.0), ("mean", "mean", 23.0)],
)
def test_over_time_within_a_series_and_across_them(watched: Watched, over_time: str, across: str, value: float) -> None:
    watched.series("lag_s", [2.0, 6.0, 10.0], start=NOW - 2 * MINUTE, replica="r1")
    watched.series("lag_s", [20.0, 40.0, 60.0], start=NOW - 2 * MINUTE, replica="r2")
    found = watched.one({"series": "lag_s", "over_time": over_time, "across": across, "over": "10m", "above": 0}, at=NOW + MINUTE)
    assert found.findings[0].value == value


def test_nan_and_infinity_are_no_readings(watched: Watched) -> None:
    watched.series("lag_s", [float("nan"), float("inf")], start=NOW - MINUTE)
    found = watched.one({"series": "lag_s", "above": 30})
    assert (found.unknown, found.words) == (Unknown.STALE, "lag_s gave no number in the last 5\u202fmin")


def headroom(watched: Watched, limit: str, *, ago: timedelta = timedelta(0), **more: Any) -> None:
    row = {
        "limit_id": f"shop.{limit}", "platform": "shop", "kind": "capacity", "unit": "seconds", "amount": Decimal(60),
        "used": Decimal(45), "remaining": Decimal(15), "fraction_left": 0.25, "state": "ok", "reason": "", "subject": "",
        "basis": "recent rate, 14 days", "lower_bound": False, "freshness": "provisional", "as_of": NOW - ago, "stored_at": NOW - ago,
    }  # fmt: skip
    table = pa.Table.from_pylist([{**row, **more}], schema=tables.HEADROOM)
    watched.store.run(lambda tx: tx.insert("headroom", table))


def test_headroom_is_asked_one_question(watched: Watched) -> None:
    headroom(watched, "lag", exhausts_p50=NOW + 5 * HOUR, exhausts_p10=NOW + HOUR, p_breach=0.7, burn_rate=1.5)
    cases: list[tuple[dict[str, Any], bool | None]] = [
        ({"fraction_left": {"below": "0.3"}}, True),
        ({"fraction_left": {"below": "0.25"}}, False),
        ({"fraction_left": {"at_most": "0.25"}}, True),
        ({"used": {"above": 44}}, True),
        ({"remaining": {"below": 15}}, False),
        ({"p_breach": {"at_least": "0.5"}}, True),
        ({"burn_rate": {"above": 2}}, False),
        ({"state": "tight"}, False),
        ({"exhausts_within": "4h"}, False),
        ({"exhausts_within": "6h"}, True),
        ({"exhausts_within": "2h", "percentile": "p10"}, True),
    ]
    rules = [rule({"headroom": "lag", **when}, f"Case{chr(65 + n)}") for n, (when, _) in enumerate(cases)]
    found = watched.look(*rules)
    assert [each.findings[0].holds for each in found.values()] == [truth for _, truth in cases]
    first = found["shop.CaseA"].findings[0]
    assert (first.value, first.line, first.facts["used"]) == (0.25, Decimal("0.3"), "45\u202fs")
    assert first.reason == "Replication lag: fraction left 0.25, below 0.3 (45\u202fs of 60\u202fs used)"
    assert found["shop.CaseJ"].findings[0].value == Decimal("18000.0")


def test_headroom_that_is_unknown_or_old_or_lacks_the_figure_cannot_be_told(watched: Watched) -> None:
    headroom(watched, "lag", state="unknown", reason="no samples for 9 min", fraction_left=None)
    headroom(watched, "stored", ago=5 * MINUTE)
    headroom(watched, "ai_budget", basis="3 of 7 days needed")
    found = watched.look(
        rule({"headroom": "lag", "fraction_left": {"below": "0.3"}}, "Lag"),
        rule({"headroom": "stored", "fraction_left": {"below": "0.3"}}, "Stored"),
        rule({"headroom": "ai_budget", "exhausts_within": "1d"}, "Budget"),
        rule({"headroom": "*", "state": "tight"}, "Every"),
    )
    assert {rule_id: each.unknown for rule_id, each in found.items()} == {
        "shop.Lag": Unknown.NO_DATA, "shop.Stored": Unknown.STALE, "shop.Budget": Unknown.NO_DATA, "shop.Every": None,
    }  # fmt: skip
    assert found["shop.Stored"].words == "Storage was last measured 5\u202fmin ago"
    assert found["shop.Budget"].words == "AI budget: no date can be told: 3 of 7 days needed"
    every = {finding.labels["limit_id"]: finding.holds for finding in found["shop.Every"].findings}
    assert every == {"shop.lag": None, "shop.ai_budget": False, "shop.stored": None}


ORDERS = {"order_within": "7d"}
LIKELY = {"p_breach": {"at_least": "0.8", "clear": "0.6"}}


@pytest.mark.parametrize(
    ("row", "when", "holds", "still", "words"),
    [
        pytest.param({"p_breach": 0.82}, LIKELY, True, True, "82\u202f% chance of running out before it refills, at or above 80\u202f%", id="likely"),
        pytest.param({"p_breach": 0.7}, LIKELY, False, True, "70\u202f% chance of running out before it refills, below 80\u202f%", id="between"),
        pytest.param({"p_breach": 0.004}, LIKELY, False, False, "<\u202f1\u202f% chance", id="hardly"),
        pytest.param({"state": "exhausted"}, LIKELY, True, True, ">\u202f99\u202f% chance", id="it has run out"),
        pytest.param({"p_breach": None, "exhausts_p50": NOW + HOUR}, LIKELY, None, None, "no chance can be told: recent rate", id="a pace is no chance"),
        pytest.param({"state": "unknown", "reason": "silent", "p_breach": 0.9}, LIKELY, None, None, "silent", id="an old chance"),
        pytest.param({"order_by": NOW + 150 * HOUR}, ORDERS, True, True, "order by 27 Nov, in 6\u202fd: Use the small model", id="to be ordered"),
        pytest.param({"order_by": NOW - HOUR}, ORDERS, True, True, "order now: Use the small model", id="overdue"),
        pytest.param({"order_by": NOW + 200 * HOUR}, ORDERS, False, False, "order by 29 Nov", id="time enough"),
        pytest.param({"p_breach": 0.3}, ORDERS, False, False, "needs nothing ordered yet", id="it will do"),
        pytest.param({"no_date": "too_gappy"}, ORDERS, None, None, "no date can be told", id="no grounds"),
        pytest.param({"no_date": "beyond", "p_breach": 0.1}, ORDERS, False, False, "needs nothing ordered yet", id="beyond"),
        pytest.param({"state": "exhausted"}, ORDERS, True, True, "has run out", id="too late to order"),
        pytest.param({"no_date": "too_gappy"}, {"exhausts_within": "1d"}, None, None, "no date can be told", id="a date without grounds"),
    ],
)  # fmt: skip
def test_what_is_foreseen(
    watched: Watched, row: dict[str, Any], when: dict[str, Any], holds: bool, still: bool, words: str
) -> None:
    headroom(
        watched, "ai_budget", **{"kind": "budget", "unit": "usd", "window_start": NOW, "window_end": NOW + 300 * HOUR, **row}
    )
    found = watched.one({"headroom": "ai_budget", **when})
    if holds is None:
        assert found.unknown is Unknown.NO_DATA
        assert words in found.words
        return
    (finding,) = found.findings
    assert (finding.holds, finding.still) == (holds, still)
    assert words in finding.reason


def test_templates_know_the_chance_the_order_and_what_the_next_step_costs(watched: Watched) -> None:
    headroom(watched, "ai_budget", p_breach=0.823, order_by=NOW + HOUR)
    facts = watched.one({"headroom": "ai_budget", **LIKELY}).findings[0].facts
    wanted = {
        "p_breach": "0.823",
        "chance": "82\u202f%",
        "order_by": (NOW + HOUR).isoformat(),
        "next_step": "Use the small model",
    }
    wanted |= {"next_step_usd_per_month": "-200", "next_step_cost": "saves $200 a month"}
    assert {name: facts.get(name) for name in wanted} == wanted


def test_limits_that_need_no_order_never_wait_for_one(watched: Watched) -> None:
    headroom(watched, "lag", state="exhausted")
    headroom(watched, "ai_budget", order_by=NOW + HOUR)
    every = watched.one({"headroom": "*", **ORDERS}).findings
    assert {finding.labels["limit_id"]: finding.holds for finding in every if finding.holds is not None} == {
        "shop.lag": False, "shop.ai_budget": True,
    }  # fmt: skip


def test_headroom_stored_later_is_not_seen(watched: Watched) -> None:
    headroom(watched, "lag", ago=SECOND, fraction_left=0.5, stored_at=NOW)
    headroom(watched, "lag", fraction_left=0.1, stored_at=NOW + SECOND)
    when = {"headroom": "lag", "fraction_left": {"below": "0.3"}}
    assert watched.one(when, read_to=NOW).findings[0].holds is False
    assert watched.one(when, read_to=NOW + SECOND).findings[0].holds is True


def test_each_check_is_a_finding_and_a_silent_one_cannot_be_told(watched: Watched) -> None:
    watched.health("answers", "fail", NOW - 10 * SECOND, "refused")
    watched.health("pool", "pass", NOW - 20 * SECOND)
    watched.health("disk", "fail", NOW - 10 * MINUTE)
    found = watched.one({"health": "database"})
    assert {finding.labels["check"]: finding.holds for finding in found.findings} == {
        "answers": True,
        "pool": False,
        "disk": None,
    }
    assert found.findings[0].reason == "answers fails: refused"
    assert [dict(finding.labels) for finding in watched.one({"health": "database", "check": "pool"}).findings] == [{}]


def test_absence_goes_on_while_its_alert_is_on(watched: Watched) -> None:
    watched.series("lag_s", [1.0], start=NOW - 30 * MINUTE, replica="r1")
    watched.series("lag_s", [1.0], start=NOW - SECOND, replica="r2")
    absent = rule({"absent": "lag_s", "by": ["replica"], "for_longer_than": "10m"})
    found = watched.look(absent)["shop.Watched"]
    assert {finding.labels["replica"]: finding.holds for finding in found.findings} == {"r1": True, "r2": False}
    assert found.findings[0].reason == "no lag_s of r1 came in for 30\u202fmin"
    later = NOW + 30 * HOUR
    watched.series("lag_s", [1.0], start=later, replica="r2")
    assert [finding.labels["replica"] for finding in watched.look(absent, at=later)["shop.Watched"].findings] == ["r2"]
    on = {("shop.Watched", fingerprint({"replica": "r1"}))}
    kept = look(watched.view(later), {"shop.Watched": absent}, later, on)["shop.Watched"]
    assert [(finding.labels["replica"], finding.holds) for finding in kept.findings] == [("r1", True)]


def usage(watched: Watched, count: int, at: datetime, latency_ms: float = 100.0, images: int = 1) -> None:
    rows = [
        {
            "event_id": f"{at.isoformat()}-{n}", "source": "shop", "occurred_at": at, "requests": 1, "platform": "shop", "status": "ok",
            "input_uncached_tokens": 0, "cache_read_tokens": 0, "cache_write_tokens": 0, "output_tokens": 0, "reasoning_tokens": 0,
            "images": images, "characters": 0, "audio_seconds": Decimal(0), "provider": "p", "model": "m", "latency_ms": latency_ms,
        }
        for n in range(count)
    ]  # fmt: skip
    batch = Batch(
        "shop", usage=pa.Table.from_pylist(rows, schema=tables.USAGE), cursor=Cursor("shop", "usage", "x", at, at, at, True)
    )
    watched.write(at, batch)
    roll_up(watched.store, at)


def test_ai_usage_that_stays_away(watched: Watched) -> None:
    usage(watched, 1, NOW - 20 * MINUTE)
    found = watched.one({"absent": "usage", "for_longer_than": "10m"})
    assert (found.findings[0].holds, found.findings[0].value) == (True, 1200.0)
    assert watched.one({"absent": "usage", "for_longer_than": "30m"}).findings[0].holds is False


def test_one_rule_of_latency_and_use(watched: Watched) -> None:
    usage(watched, 20, NOW - MINUTE, latency_ms=4_000.0)
    when = {"all": [{"meter": "p99", "above": 2000}, {"meter": "calls", "above": 10}]}
    found = watched.one(when)
    assert found.findings[0].holds is True, found
    assert watched.one({"all": [{"meter": "p99", "above": 2000}, {"meter": "calls", "above": 100}]}).findings[0].holds is False


def test_a_meter_that_cannot_be_read_is_unknown_with_its_reason(watched: Watched) -> None:
    found = watched.one({"meter": "stored", "above": 5})
    assert (found.unknown, found.words) == (Unknown.NO_DATA, "stored: no series stored_gb has been seen")
    assert watched.one({"meter": "nothing_such", "above": 5}).unknown is Unknown.ERROR


def test_an_error_of_one_rule_s_query_is_not_every_rule_s(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.series("lag_s", [31.0], start=NOW)

    def fails(leaf: object, owner: object, meters: Meters, slack: timedelta) -> Board:
        meters.store.select("SELECT error('a row that cannot be read')")
        raise AssertionError("the query was to fail")

    monkeypatch.setattr("analytics.conditions.meter_board", fails)
    found = watched.look(rule({"meter": "lag", "above": 5}, "Broken"), rule({"series": "lag_s", "above": 30}, "Well"))
    assert found["shop.Broken"].unknown is Unknown.ERROR
    assert "a row that cannot be read" in found["shop.Broken"].words
    assert found["shop.Well"].findings[0].holds is True


def test_a_query_gives_labels_and_a_value(watched: Watched) -> None:
    text = "SELECT 'q1' AS queue, 12 AS value, $at - INTERVAL 1 MINUTE AS observed_at UNION ALL SELECT 'q2', 3, $at"
    asked = rule({"sql": "depth.sql", "above": 10, "clear": 2, "unit": "jobs"}, sql={"depth.sql": text})
    found = watched.look(asked)["shop.Watched"].findings
    assert [(finding.labels, finding.holds, finding.still) for finding in found] == [
        ({"queue": "q1"}, True, True),
        ({"queue": "q2"}, False, True),
    ]
    assert (found[0].value, found[0].observed_at) == (Decimal(12), NOW - MINUTE)
    assert found[0].reason == "depth of q1 is 12\u202fjobs, above 10\u202fjobs"


def test_own_metrics_as_they_are_and_how_far_they_rose(watched: Watched) -> None:
    registry, own = CollectorRegistry(), OwnMetrics()
    missed = Counter("roomleft_evaluations_missed", "x", registry=registry)
    lost = Counter("roomleft_deliveries", "x", ["channel", "outcome"], registry=registry)
    age = Gauge("roomleft_outbox_oldest_seconds", "x", registry=registry)
    own.take(NOW - 20 * MINUTE, registry)
    missed.inc(2)
    own.take(NOW - 5 * MINUTE, registry)
    lost.labels("mail", "failed").inc()
    age.set(700)
    own.take(NOW, registry)
    found = watched.look(
        rule({"own": "roomleft_evaluations_missed", "over": "10m", "above": 0}, "Missed"),
        rule(
            {"own": "roomleft_deliveries_total", "labels": {"outcome": "failed"}, "by": ["channel"], "over": "10m", "above": 0},
            "Lost",
        ),
        rule({"own": "roomleft_outbox_oldest_seconds", "above": 600}, "Old"),
        own=own,
    )
    assert {rule_id: [(dict(f.labels), f.holds, f.value) for f in each.findings] for rule_id, each in found.items()} == {
        "shop.Missed": [({}, True, 2.0)],
        "shop.Lost": [({"channel": "mail"}, True, 1.0)],
        "shop.Old": [({}, True, 700.0)],
    }


def test_what_is_inactive_is_counted_and_not_handed_back(watched: Watched) -> None:
    for number, value in enumerate((31.0, 1.0, 2.0)):
        watched.series("lag_s", [value], start=NOW, replica=f"r{number}")
    asked = {"shop.Watched": rule({"series": "lag_s", "by": ["replica"], "above": 30})}
    on = {("shop.Watched", fingerprint({"replica": "r1"}))}
    found = look(watched.view(NOW), asked, NOW, on)
    assert [finding.labels["replica"] for finding in found["shop.Watched"].findings] == ["r0", "r1"]
    assert found.label_sets == 3


def test_more_alerts_than_the_group_s_limit_are_an_error(watched: Watched) -> None:
    for number in range(3):
        watched.series("lag_s", [31.0], start=NOW, replica=f"r{number}")
    found = watched.look(rule({"series": "lag_s", "by": ["replica"], "above": 30}, limit=2))["shop.Watched"]
    assert (found.unknown, found.words) == (
        Unknown.ERROR,
        "3 label sets hold at once, more than the limit of 2 that its group sets each rule",
    )


def test_series_added_since_are_found_though_others_are_remembered(watched: Watched) -> None:
    remembered = Remembered()
    asked = rule({"series": "lag_s", "by": ["replica"], "above": 30})
    watched.series("lag_s", [31.0], start=NOW - SECOND, replica="r1")

    def seen(at: datetime) -> list[str]:
        found: tuple[Finding, ...] = watched.look(asked, at=at, remembered=remembered)["shop.Watched"].findings
        return [finding.labels["replica"] for finding in found]

    assert seen(NOW) == ["r1"]
    watched.series("lag_s", [31.0], start=NOW + SECOND, replica="r2")
    assert seen(NOW + 2 * SECOND) == ["r1", "r2"]
