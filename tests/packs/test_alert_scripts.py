"""What a pack's test script says of alerts: it runs on the engine, and what is not as wanted is told in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from analytics.packtest import load_scripts, rules_of, run_pack_tests, run_script
from analytics.packtest_alerts import WantedAlert, compare_alert
from jobs.measure import measure
from jobs.scripted import limits_asked, watch
from roomleft.errors import PackError
from roomleft.findings import AlertState
from roomleft.rule_files import load_rules
from tests.fixtures.clock import NOON
from tests.roomleft.rule_shop import shop, with_rule, written

RULE = with_rule(
    "when: {series: lag_ms, by: [replica], over: 1m, over_time: last, above: 5}",
    "for: 1m",
    'annotations: {summary: "{{ labels.replica }} lags {{ value }} since {{ since | time }}"}',
)
SCRIPT = """\
- name: a replica lags
  load: {every: 30s, series: {'lag_ms{replica="a"}': 1x4 9x6 1x4, 'lag_ms{replica="b"}': 1x14}}
  expect:
    - {at: 2m30s, alert: {name: TooSlow, labels: {replica: a}, state: pending}}
    - at: 4m30s
      alert:
        - {name: TooSlow, labels: {replica: a}, state: firing, value: 9, reason: above 5, annotations: {summary: "a lags 9 ms since 01:02"}}
        - {name: TooSlow, labels: {replica: b}, state: inactive}
    - {at: 6m, alert: {name: TooSlow, labels: {replica: a}, state: resolved}}
"""


def test_a_script_runs_from_pending_to_resolved(tmp_path: Path) -> None:
    pack = shop(tmp_path)
    written(tmp_path, RULE)
    script = written(tmp_path, SCRIPT, "shop.test.yaml")
    (result,) = run_pack_tests(pack, script, measure, watch)
    assert result.failures == ()


def test_a_rule_that_is_changed_fails_its_script_in_words(tmp_path: Path) -> None:
    pack = shop(tmp_path)
    written(tmp_path, RULE.replace("for: 1m", "for: 10m"))
    script = written(tmp_path, SCRIPT, "shop.test.yaml")
    (result,) = run_pack_tests(pack, script, measure, watch)
    assert [each.split(" (")[0] for each in result.failures] == [
        "at 4.5m, TooSlow: it is pending",
        "at 6m, TooSlow: it is inactive, not resolved",
    ]


def test_only_the_rules_that_are_asked_for_are_evaluated(tmp_path: Path) -> None:
    pack = shop(tmp_path)
    other = (
        with_rule('when: {headroom: "*", state: exhausted}', "alert: Other")
        .removeprefix("groups:\n")
        .replace("name: g", "name: h")
    )
    written(tmp_path, RULE + other)
    (script,) = load_scripts(written(tmp_path, SCRIPT, "shop.test.yaml"), pack)
    seen: list[set[str]] = []

    def watching(store, packs, rules, every):  # type: ignore[no-untyped-def]
        seen.append(set(rules))
        assert every == timedelta(seconds=30)
        return watch(store, packs, rules, every)

    assert run_script(pack, script, measure, watching, rules_of(pack)).passed
    assert seen == [{"shop.TooSlow"}]


def test_a_rule_over_headroom_has_its_limits_measured(tmp_path: Path) -> None:
    pack = shop(tmp_path)
    cases = {'"*"': {f"shop.{spec.id}" for spec in pack.limits}, "latency": {"shop.latency"}}
    for named, limits in cases.items():
        rules = load_rules(written(tmp_path, with_rule(f"when: {{headroom: {named}, state: exhausted}}")), pack)
        assert limits_asked({rule.rule_id: rule for rule in rules}, {"shop": pack}) == limits


def test_a_script_of_headroom_reaches_the_rules(tmp_path: Path) -> None:
    pack = shop(tmp_path)
    written(tmp_path, with_rule("when: {headroom: latency, state: exhausted}", "for: 2m"))
    text = """\
- name: slow
  evaluate_every: 1m
  load: {every: 1m, series: {latency_ms: 50x5 400x10}}
  expect:
    - {at: 4m, alert: {name: TooSlow, state: inactive}, headroom: {limit: shop.latency, state: ok}}
    - {at: 14m, alert: {name: TooSlow, state: firing}, headroom: {limit: shop.latency, state: exhausted}}
"""
    (result,) = run_pack_tests(pack, written(tmp_path, text, "shop.test.yaml"), measure, watch)
    assert result.failures == ()


def test_a_pack_without_rules_has_no_alerts_to_expect(tmp_path: Path) -> None:
    pack = shop(tmp_path)
    with pytest.raises(PackError, match="unknown alert 'TooSlow'"):
        load_scripts(written(tmp_path, SCRIPT, "shop.test.yaml"), pack)


@dataclass
class Stood:
    """An alert as it stands."""

    state: AlertState = AlertState.FIRING
    rule_id: str = "shop.TooSlow"
    labels: dict[str, str] = field(default_factory=lambda: {"replica": "a", "severity": "warning"})
    value: Decimal | None = Decimal(9)
    reason: str = "9\u202fms, above 5\u202fms"
    unknown_since: datetime | None = None
    unknown_words: str = ""
    annotations: dict[str, str] = field(default_factory=lambda: {"summary": "a lags"})


ONE = [Stood()]
SILENT = [Stood(unknown_since=NOON, unknown_words="no samples for 5 min")]
WANTED = {
    "as wanted": (ONE, {"state": "firing", "value": 9, "reason": "above 5 ms", "annotations": {"summary": "lags"}}, []),
    "none": (ONE, {"state": "inactive"}, ["it is firing (9\u202fms, above 5\u202fms), not inactive"]),
    "none of these labels": (ONE, {"state": "inactive", "labels": {"replica": "b"}}, []),
    "one that is not": ([], {"state": "firing"}, ["it is inactive, not firing"]),
    "one that is forgotten": ([Stood(AlertState.INACTIVE)], {"state": "pending"}, ["it is inactive, not pending"]),
    "another state": (ONE, {"state": "resolved"}, ["it is firing (9\u202fms, above 5\u202fms), not resolved"]),
    "of several": (
        [Stood(), Stood(labels={"replica": "b"})],
        {"state": "firing"},
        ["there are 2 alerts (replica=a is firing; replica=b is firing): name the labels of one"],
    ),
    "another value": (ONE, {"state": "firing", "value": 8}, ["its value is 9, not 8"]),
    "a value near enough": (ONE, {"state": "firing", "value": 8, "within": 1}, []),
    "another reason": (
        ONE,
        {"state": "firing", "reason": "below"},
        ["the reason is '9 ms, above 5 ms', which does not say 'below'"],
    ),
    "a known one": (SILENT, {"state": "firing", "unknown": False}, ["it is unknown, which was not wanted"]),
    "an unknown one": (ONE, {"state": "firing", "unknown": True}, ["it is known, which was not wanted"]),
    "why it is unknown": (SILENT, {"state": "firing", "unknown": True, "reason": "no samples"}, []),
    "another text": (
        ONE,
        {"state": "firing", "annotations": {"summary": "leads"}},
        ["its summary is 'a lags', which does not say 'leads'"],
    ),
}


@pytest.mark.parametrize(("standing", "wanted", "failures"), WANTED.values(), ids=WANTED)
def test_what_is_not_as_wanted_is_told(standing: list[Stood], wanted: dict[str, object], failures: list[str]) -> None:
    asked = WantedAlert.model_validate({"name": "TooSlow", **wanted})
    assert list(compare_alert(asked, "shop", standing, "at 5m")) == [f"at 5m, TooSlow: {each}" for each in failures]
