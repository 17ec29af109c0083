"""Who explains whom: components that depend on a failed one, rules of alerting.yaml, and that of any ring somebody is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from pydantic import TypeAdapter

from alerts.alert import Alert
from alerts.inhibit import inhibited
from roomleft.alerting import Inhibition
from roomleft.findings import AlertState, Severity
from roomleft.rules import Rule
from roomleft.rules_when import HealthIs, When
from tests.alerts.made import EVERY, NOON
from tests.alerts.made import rule as made_rule
from tests.alerts.paging import HOUR, MINUTE, pack

WHEN: TypeAdapter[Any] = TypeAdapter(When)
CHAIN = pack(database=[], cache=["database"], api=["cache"], web=["api"], mail=[])
RING = pack(a=["b"], b=["c"], c=["a"], web=["a"])


def alert(name: str, component: str = "", severity: str = "critical", platform: str = "shop", **more: Any) -> Alert:
    state = more.pop("state", AlertState.FIRING)
    labels = {"alertname": name, "platform": platform, "severity": severity, "component": component}
    given = {"held_since": NOON, "fired_at": NOON, "cleared_since": None, "resolved_at": None} | more
    return Alert(
        f"{platform}.{name}", component, platform, Severity(severity), labels | given.pop("labels", {}), state, f"e-{name}", **given,
        unknown_since=None, unknown_why=None, unknown_words="", changed_at=NOON, evaluated_at=NOON,
    )  # fmt: skip


def health(*alerts: Alert) -> dict[str, Rule]:
    """For each alert the rule that its component's checks fail."""
    return {
        each.rule_id: made_rule(each.labels["alertname"], each.platform, when=HealthIs(health=each.labels["component"] or "none"))
        for each in alerts
    }


def names(*alerts: Alert, packs: Sequence[Any] = (CHAIN,), rules: Sequence[Inhibition] = (), at: Any = NOON) -> dict[str, str]:
    """Who is inhibited by whom."""
    found = inhibited(alerts, {each.slug: each for each in packs}, rules, health(*alerts), at)
    return {key[0].partition(".")[2]: why.by.rule_id.partition(".")[2] for key, why in found.items()}


DEPENDENCY: dict[str, tuple[list[Alert], dict[str, str]]] = {
    "directly": ([alert("Db", "database"), alert("Cache", "cache")], {"Cache": "Db"}),
    "through others": ([alert("Db", "database"), alert("Web", "web")], {"Web": "Db"}),
    "one that does not depend on it": ([alert("Db", "database"), alert("Mail", "mail")], {}),
    "of the same component": ([alert("Db", "database"), alert("Db2", "database")], {}),
    "a lesser failure explains nothing worse": ([alert("Db", "database", "warning"), alert("Api", "api")], {}),
    "nor an equal warning": ([alert("Db", "database", "warning"), alert("Api", "api", "warning")], {}),
    "critical explains warnings": ([alert("Db", "database"), alert("Api", "api", "warning")], {"Api": "Db"}),
    "of another platform": ([alert("Db", "database", platform="other"), alert("Api", "api")], {}),
    "without a component": ([alert("Db", "database"), alert("Cost")], {}),
    "one that only waits": ([alert("Db", "database", state=AlertState.PENDING), alert("Api", "api")], {}),
    "the root of a chain is told": (
        [alert("Db", "database"), alert("Cache", "cache"), alert("Api", "api"), alert("Web", "web")],
        {"Cache": "Db", "Api": "Db", "Web": "Db"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DEPENDENCY, ids=lambda name: name.replace(" ", "_"))
def test_components_that_depend_on_a_failed_one(case: str) -> None:
    alerts, expected = DEPENDENCY[case]
    found = names(*alerts)
    assert set(found) == set(expected)
    if case != "the root of a chain is told":
        assert found == expected


COST = {"headroom": "cost_per_user", "state": "exhausted"}
FAILS = {"health": "database"}
BURNS = {"burn": "availability", "pairs": "page"}
SAYS: dict[str, tuple[Mapping[str, Any], dict[str, Any], bool]] = {
    "its checks fail": (FAILS, {}, True),
    "its checks fail, which is no more than a warning": (FAILS, {"severity": "warning"}, False),
    "its checks warn or fail": (FAILS | {"status": ["warn", "fail"]}, {}, False),
    "another component's checks fail": ({"health": "cache"}, {}, False),
    "an error budget burns fast": (BURNS, {}, True),
    "an error budget burns slowly": ({"burn": "availability", "pairs": "ticket"}, {"severity": "warning"}, False),
    "it costs too much": (COST, {"severity": "warning"}, False),
    "it costs far too much": (COST, {}, False),
    "a budget runs out": ({"headroom": "ai_budget", "fraction_left": {"at_most": "0"}}, {}, False),
    "it is slow": ({"meter": "query_time", "above": "100"}, {}, False),
    "a part of it is away": ({"series": "up", "by": ["replica"], "below": "1"}, {}, False),
    "nothing comes in": ({"absent": "up"}, {}, False),
    "its checks fail and it is slow": ({"all": [FAILS, {"meter": "query_time", "above": "100"}]}, {}, True),
    "its checks fail or it is slow": ({"any": [FAILS, {"meter": "query_time", "above": "100"}]}, {}, False),
    "its checks fail or a budget burns": ({"any": [FAILS, BURNS]}, {}, True),
    "a figure whose rule says that it is a failure": ({"meter": "query_time", "above": "100"}, {"labels": {"cause": "failure"}}, True),
    "a warning whose rule says so": (COST, {"labels": {"cause": "failure"}, "severity": "warning"}, False),
    "failing checks whose rule says that they are another thing": (FAILS, {"labels": {"cause": "drill"}}, False),
    "its checks fail, of which there is no data": (FAILS, {"facts": {"no_data": "no data"}}, False),
}  # fmt: skip


@pytest.mark.parametrize("case", SAYS, ids=lambda name: name.replace(" ", "_").replace(",", ""))
@pytest.mark.parametrize("severity", ["critical", "warning"])
def test_only_what_says_that_the_component_fails_explains_what_depends_on_it(case: str, severity: str) -> None:
    when, more, explains = SAYS[case]
    given = dict(more)
    source = alert("Db", "database", given.pop("severity", "critical"), **given)
    felt = alert("AvailabilityBurnsFast", "web", severity)
    rules = {
        source.rule_id: made_rule("Db", when=WHEN.validate_python(when)),
        felt.rule_id: made_rule("AvailabilityBurnsFast", when=WHEN.validate_python(BURNS)),
    }
    assert set(inhibited([source, felt], {"shop": CHAIN}, (), rules, NOON)) == ({felt.key} if explains else set())
    if "labels" not in more:  # a rule that is not in force says nothing
        assert inhibited([source, felt], {"shop": CHAIN}, (), {}, NOON) == {}


def test_components_that_depend_on_one_another_are_all_told() -> None:
    three = [alert("A", "a"), alert("B", "b"), alert("C", "c")]
    assert names(*three, packs=[RING]) == {}
    assert set(names(*three, alert("Web", "web"), packs=[RING])) == {"Web"}


def rule(source: Sequence[str], target: Sequence[str], *equal: str) -> Inhibition:
    return Inhibition(source=list(source), target=list(target), equal=list(equal))


RULES: dict[str, tuple[list[Alert], list[Inhibition], set[str]]] = {
    "source and target": ([alert("Down"), alert("Slow", severity="warning")], [rule(["alertname=Down"], ["severity=warning"])], {"Slow"}),
    "labels must agree": (
        [alert("Down", labels={"zone": "a"}), alert("SlowA", labels={"zone": "a"}), alert("SlowB", labels={"zone": "b"})],
        [rule(["alertname=Down"], ["alertname=~Slow."], "zone")],
        {"SlowA"},
    ),
    "nobody inhibits itself": ([alert("Down")], [rule(["severity=critical"], ["severity=critical"])], set()),
    "two that are both told": ([alert("A"), alert("B")], [rule(["severity=critical"], ["severity=critical"])], set()),
    "both, and one that is only a target": (
        [alert("A"), alert("B"), alert("C", severity="warning")],
        [rule(["severity=critical"], ['severity=~"critical|warning"'])],
        {"C"},
    ),
    "two rules in a ring": (
        [alert("A"), alert("B")],
        [rule(["alertname=A"], ["alertname=B"]), rule(["alertname=B"], ["alertname=A"])],
        set(),
    ),
    "a ring of a rule and a dependency": (
        [alert("Db", "database"), alert("Api", "api")],
        [rule(["alertname=Api"], ["alertname=Db"])],
        set(),
    ),
    "a chain of rules": (
        [alert("A"), alert("B"), alert("C")],
        [rule(["alertname=A"], ["alertname=B"]), rule(["alertname=B"], ["alertname=C"])],
        {"B", "C"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", RULES, ids=lambda name: name.replace(" ", "_"))
def test_rules_of_the_file(case: str) -> None:
    alerts, rules, expected = RULES[case]
    assert set(names(*alerts, rules=rules)) == expected


def test_of_whatever_fires_somebody_is_told() -> None:
    """All the rules and components at once, each alert a source and a target."""
    alerts = [alert(f"A{number}", component) for number, component in enumerate(["a", "b", "c", "web"] * 5)]
    rules = [rule([f"alertname=A{number}"], [f"alertname=A{(number * 7 + 3) % 20}"]) for number in range(20)]
    found = inhibited(alerts, {"shop": RING}, rules, health(*alerts), NOON)
    told = {each.key for each in alerts} - set(found)
    assert told
    for key, why in found.items():
        seen = {key}
        while why.by.key in found:
            assert why.by.key not in seen
            seen.add(why.by.key)
            why = found[why.by.key]
        assert why.by.key in told


def test_what_is_over_explains_for_a_while_what_began_with_it() -> None:
    over = alert("Db", "database", state=AlertState.RESOLVED, resolved_at=NOON + HOUR)
    during, after = alert("Api", "api", held_since=NOON + HOUR - EVERY), alert("Cache", "cache", held_since=NOON + HOUR + EVERY)
    assert names(over, during, at=NOON + HOUR + MINUTE) == {"Api": "Db"}
    assert names(over, after, at=NOON + HOUR + MINUTE) == {}
    assert names(over, during, at=NOON + HOUR + 2 * MINUTE) == {}
