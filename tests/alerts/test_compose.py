"""What a notice says: symptom, value against its line, since when, what is left, what changed, where to go, and why now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from alerts.alert import Alert
from alerts.changes import Changes
from alerts.channels.words import facts_of
from alerts.compose import Words, reading, room_left, runs_out
from alerts.groups import Group, thread_of
from alerts.notice import Kind, Notice, Why
from alerts.notice_json import notice_of, notice_text
from dashboards.api.reload_audit import note_reload
from dashboards.parts import Reloaded
from roomleft.clock import FixedClock
from roomleft.errors import StoreError
from roomleft.findings import AlertState, Severity
from tests.alerts.made import NOON, rule
from tests.alerts.paging import HOUR, MINUTE, pack
from tests.fixtures.state import state_url
from warehouse import tables
from warehouse.state import Audit, StateDb, Terms
from warehouse.store import Store
from warehouse.writer import Batch, Writer

SHOP = pack(database=[], api=["database"])
RULE = rule(title="Queries are slow", runbook="docs/runbooks/shop/queries-are-slow.md")
URL = "https://watch.example.org"
BERLIN = ZoneInfo("Europe/Berlin")


def alert(replica: str = "r1", **more: Any) -> Alert:
    labels = {
        "alertname": "QueriesAreSlow",
        "platform": "shop",
        "severity": "critical",
        "component": "database",
        "replica": replica,
    }
    given: dict[str, Any] = {
        "severity": Severity.CRITICAL, "labels": labels, "state": AlertState.FIRING, "episode": f"episode-{replica}",
        "held_since": NOON - 20 * MINUTE, "fired_at": NOON - 15 * MINUTE, "cleared_since": None, "resolved_at": None, "unknown_since": None,
        "unknown_why": None, "unknown_words": "", "changed_at": NOON, "evaluated_at": NOON, "value": Decimal("812"), "line": Decimal("100"),
        "worst": Decimal("990"), "unit": "ms", "reason": "queries take 812 ms", "observed_at": NOON - timedelta(seconds=20),
        "facts": {"window": "5 min"}, "annotations": {"summary": "Pages load slowly."},
    }  # fmt: skip
    return Alert(RULE.rule_id, replica, "shop", **(given | more))


def composed(
    firing: Sequence[Alert] = (), resolved: Sequence[Alert] = (), kind: Kind = Kind.FIRING, why: Why = Why.FIRST, **more: Any
) -> Notice:
    words = Words(**({"packs": {"shop": SHOP}, "rules": {RULE.rule_id: RULE}, "public_url": URL} | more))
    labels = {"alertname": "QueriesAreSlow", "platform": "shop"}
    group = Group("ops", "k", labels, thread_of("ops", labels), NOON, NOON)
    return words.notice(group, kind, why, NOON, firing, [words.told(each, NOON) for each in resolved], {})


def test_a_page_has_all_that_is_needed_at_night() -> None:
    notice = composed([alert()])
    assert (notice.title, notice.platform_title, notice.severity, notice.zone) == (
        "Queries are slow",
        "Shop",
        "critical",
        "Europe/Berlin",
    )
    (told,) = notice.alerts
    assert (told.summary, told.value, told.line, told.window) == ("Pages load slowly.", "812\u202fms", "100\u202fms", "5 min")
    assert (told.since, told.fired_at, told.observed_at) == (NOON - 20 * MINUTE, NOON - 15 * MINUTE, NOON - timedelta(seconds=20))
    assert told.links == {
        "alert": f"{URL}/alerts/episode-r1",
        "acknowledge": f"{URL}/alerts/episode-r1#act",
        "silence": f"{URL}/alerts/episode-r1#act",
        "dashboard": f"{URL}/platforms/shop?component=database",
        "runbook": f"{URL}/runbooks/shop/queries-are-slow.md",
    }
    assert notice_of(notice_text(notice)) == notice


def test_without_a_public_address_there_are_no_links() -> None:
    assert composed([alert()], public_url="").alerts[0].links == {}
    elsewhere = {RULE.rule_id: replace(RULE, runbook="https://wiki.example.org/slow")}
    assert composed([alert()], public_url="", rules=elsewhere).alerts[0].links == {"runbook": "https://wiki.example.org/slow"}


def test_an_end_says_how_long_and_the_reading_at_recovery() -> None:
    over = alert(state=AlertState.RESOLVED, resolved_at=NOON, value=Decimal("64"))
    (told,) = composed(resolved=[over], kind=Kind.RESOLVED, why=Why.ALL_RESOLVED).alerts
    assert (told.lasted_s, told.recovery_value, told.value, told.resolved_at) == (900.0, "64\u202fms", "990\u202fms", NOON)


TITLES = {
    "one": (1, "Queries are slow"),
    "three": (3, "Queries are slow: r00, r01, r02"),
    "seventeen": (17, "Queries are slow: r00, r01, r02 and 14 more"),
    "more than are told one by one": (1017, "Queries are slow: r0000, r0001, r0002 and 1,014 more"),
}


@pytest.mark.parametrize("case", TITLES)
def test_the_first_three_are_named(case: str) -> None:
    count, title = TITLES[case]
    notice = composed([alert(f"r{number:0{4 if count > 99 else 2}}") for number in range(count)])
    assert (notice.title, notice.firing, notice.count, len(notice.alerts)) == (title, count, count, min(count, 100))


def test_the_worst_and_oldest_come_first() -> None:
    young, old = alert("young", fired_at=NOON), alert("old", fired_at=NOON - HOUR)
    warning = alert("warning", severity=Severity.WARNING, fired_at=NOON - 5 * HOUR)
    assert [each.fingerprint for each in composed([warning, young, old]).alerts] == ["old", "young", "warning"]


def test_the_conversation_has_one_name_whatever_is_read() -> None:
    one, other = composed([alert(value=Decimal("1"))]), composed([alert("r2", value=Decimal("2"))])
    assert one.thread == other.thread == thread_of("ops", {"platform": "shop", "alertname": "QueriesAreSlow"})
    assert one.thread != thread_of("boss", {"platform": "shop", "alertname": "QueriesAreSlow"})
    assert len(one.thread) <= 255


READINGS = [
    ("812", "ms", "812\u202fms"),
    ("1234.5", "usd", "$1,234.50"),
    ("0.042", "ratio", "4.2\u202f%"),
    ("5010", "worlds", "5,010\u202fworlds"),
]


@pytest.mark.parametrize(("value", "unit", "words"), READINGS)
def test_amounts_have_units(value: str, unit: str, words: str) -> None:
    assert reading(Decimal(value), unit) == words


def test_what_is_left_and_when_it_runs_out() -> None:
    facts = {"fraction_left": "0.0794", "remaining": "398", "amount": "5010", "exhausts_at": "2026-11-20T22:10:00Z"}
    assert room_left(facts, "worlds") == "7.94\u202f% (398 of 5,010\u202fworlds)"
    assert runs_out(facts, NOON, BERLIN) == "today 23:10 CET (in 10\u202fh)"
    assert runs_out({"exhausts_at": "2026-11-24T22:10:00Z"}, NOON, BERLIN) == "24 Nov (in 4\u202fd)"
    assert (room_left({}, "usd"), runs_out({}, NOON, BERLIN), runs_out({"exhausts_at": "soon"}, NOON, BERLIN)) == ("", "", "")


def test_what_changed_shortly_before(tmp_path: Path) -> None:
    clock = FixedClock(NOON)
    state = StateDb.open(state_url(tmp_path), clock)
    with Store.open("duckdb:///:memory:", now=clock) as store:
        writer = Writer(store, clock, group_ms=0)
        writer.start()
        rows = [
            ("d1", NOON - 25 * MINUTE, "application", "2.4.0", "Living worlds", "deploy"),
            ("d2", NOON - 5 * HOUR, "application", "2.3.9", "Older", "deploy"),
        ]
        columns = ("deploy_id", "deployed_at", "component", "version", "title", "kind")
        given = [{"platform": "shop", "ingested_at": None, **dict(zip(columns, row, strict=True))} for row in rows]
        deploys = pa.Table.from_pylist(given, schema=tables.DEPLOYS)
        writer.write(Batch("shop", deploys=deploys))
        writer.close()
        Terms(state).add("limit", "monthly_budget", {"edit": {}}, who="ana", valid_from=NOON, platform="shop")
        Terms(state).add("limit", "other", {"edit": {}}, who="ana", valid_from=NOON, platform="elsewhere")
        changes = Changes(store, state, {"shop": SHOP}, clock)
        notice = composed([alert()], changed=lambda platform, since, until: changes(platform, since, until + MINUTE))
    state.close()
    assert notice.changed == ("13:00 limit monthly_budget: changed by ana", "12:35 deploy application 2.4.0: Living worlds")


def test_what_was_put_in_force_has_changed_too(tmp_path: Path) -> None:
    clock = FixedClock(NOON - 10 * MINUTE)
    state = StateDb.open(state_url(tmp_path), clock)
    names = tuple(f"shop.R{number}" for number in range(5))
    with Store.open("duckdb:///:memory:", now=clock, threads=1) as store:
        note_reload(state, Reloaded(("other",), ("shop",), (), (), {}, (), names, ("other.Gone",), alerting_changed=True), "ana")
        note_reload(state, Reloaded((), (), (), ("shop",), {}), "bo")
        changed = Changes(store, state, {"shop": SHOP}, clock)("shop", NOON - HOUR, NOON)
        entries = Audit(state).recent()
    state.close()
    assert sorted(changed) == [
        "12:50 alerting.yaml changed, by ana",
        "12:50 pack changed; rules changed: R0, R1, R2 and 2 more, by ana",
    ]
    assert {(entry.who, entry.what) for entry in entries} == {("ana", "reload")}
    assert len(entries) == 3


def test_a_page_goes_out_although_what_changed_cannot_be_read() -> None:
    def broken(platform: str, since: datetime, until: datetime) -> Sequence[str]:
        raise StoreError("the warehouse is away")

    assert composed([alert()], changed=broken).changed == ("what changed could not be read: the warehouse is away",)


def test_of_a_platform_that_has_no_pack_any_more() -> None:
    notice = composed([alert()], packs={}, rules={})
    assert (notice.zone, notice.platform_title, notice.title) == ("UTC", "shop", "QueriesAreSlow")
    assert notice.made_at.tzinfo is UTC


BURNS = {
    "unit": "ratio",
    "value": Decimal("266.67"),
    "line": Decimal("14.4"),
    "worst": Decimal("266.67"),
    "facts": {"slo": "a", "burn_rate": "267"},
}


def test_how_fast_a_budget_burns_is_told_in_times() -> None:
    (told,) = composed([alert(**BURNS)]).alerts
    assert (told.value, told.line) == ("burns 267\u202f× too fast", "14.4\u202f×")
    assert dict(facts_of(told, "UTC"))["Value"] == "burns 267\u202f× too fast against 14.4\u202f×".replace("\u202f", " ")
    over = alert(**BURNS | {"state": AlertState.RESOLVED, "resolved_at": NOON, "value": Decimal("0.31")})
    told = Words().told(over, NOON)
    assert (told.value, told.recovery_value) == ("burns 267\u202f× too fast", "burns 0.31\u202f× as fast as it may")
    shares = alert(unit="ratio", value=Decimal("0.042"), line=Decimal("0.01"))
    assert (Words().told(shares, NOON).value, Words().told(shares, NOON).line) == ("4.2\u202f%", "1\u202f%")
