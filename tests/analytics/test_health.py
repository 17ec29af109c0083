"""A platform is as well as its components, and says which is not, since when and why."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics.health import platform_health, since_text
from roomleft.packs_parts import Component

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
COMPONENTS = [Component(id="db", title="Database", summary="s", critical=True), Component(id="cache", title="Cache", summary="s")]
PACK: Any = SimpleNamespace(components=COMPONENTS, interval=timedelta(minutes=1))


def check(component: str, status: str, age_s: float = 10) -> dict[str, Any]:
    at = NOW - timedelta(seconds=age_s)
    return {
        "component": component,
        "check_name": "status",
        "status": status,
        "value": None,
        "unit": None,
        "words": None,
        "observed_at": at,
    }


@pytest.mark.parametrize(
    ("checks", "status", "score"),
    [
        ([check("db", "pass"), check("cache", "pass")], "pass", 1.0),
        ([check("db", "warn"), check("cache", "pass")], "warn", 0.75),
        ([check("db", "fail"), check("cache", "pass")], "fail", 0.5),
        ([check("db", "pass"), check("cache", "fail")], "warn", 0.5),
        ([check("db", "pass"), check("cache", "pass", 3600)], "unknown", 1.0),
        ([check("db", "pass", 3600), check("cache", "pass", 3600)], "unknown", None),
        ([], "unknown", None),
    ],
    ids=[
        "all pass",
        "one warns",
        "a critical one fails",
        "another fails",
        "one is silent",
        "all are silent",
        "none was ever read",
    ],
)
def test_a_platform_is_as_well_as_its_components(checks: list[dict[str, Any]], status: str, score: float | None) -> None:
    health = platform_health(PACK, checks, NOW)
    assert (health.status, health.score) == (status, score)


def test_the_sentence_names_what_is_not_healthy() -> None:
    health = platform_health(PACK, [check("db", "fail"), check("cache", "pass")], NOW)
    assert health.sentence == "Database is down. 1 of 2 components is healthy."


def chain() -> Any:
    parts = [
        Component(id="db", title="Database", summary="s", critical=True),
        Component(id="api", title="API", summary="s", critical=True, depends_on=["db"]),
        Component(id="web", title="Web", summary="s", depends_on=["api"]),
        Component(id="cdn", title="CDN", summary="s"),
    ]
    return SimpleNamespace(components=parts, interval=timedelta(minutes=1))


def test_a_failure_is_explained_by_the_root_it_depends_on() -> None:
    health = platform_health(
        chain(), [check("db", "fail"), check("api", "fail"), check("web", "warn"), check("cdn", "fail")], NOW
    )
    assert {part.component_id: part.reason for part in health.components} == {
        "db": "",
        "api": "fails because Database fails",
        "web": "is degraded because Database fails",
        "cdn": "",
    }
    assert health.sentence == (
        "Database is down; CDN is down; API is down because Database is down; 1 more. 0 of 4 components are healthy."
    )


def test_a_healthy_component_owes_nothing_to_a_failed_one() -> None:
    health = platform_health(
        chain(), [check("db", "fail"), check("api", "pass"), check("web", "pass"), check("cdn", "pass")], NOW
    )
    assert [part.because for part in health.components] == [(), (), (), ()]


@pytest.mark.parametrize(
    ("statuses", "status"),
    [(["pass", "pass"], "pass"), (["fail", "pass"], "warn"), (["fail", "fail"], "fail"), (["fail", "warn"], "fail"), (["warn", "pass"], "warn")],
)  # fmt: skip
def test_of_alternatives_some_may_fail(statuses: list[str], status: str) -> None:
    pack: Any = SimpleNamespace(
        components=[Component(id="ai", title="AI", summary="s", redundant=True)], interval=timedelta(minutes=1)
    )
    rows = [{**check("ai", each), "check_name": f"provider {n}"} for n, each in enumerate(statuses)]
    assert platform_health(pack, rows, NOW).components[0].status == status


def test_trouble_is_dated_from_its_own_checks() -> None:
    begun = {("db", "status"): NOW - timedelta(minutes=38), ("cache", "status"): NOW - timedelta(days=1)}
    health = platform_health(
        PACK, [check("db", "fail"), check("cache", "pass")], NOW, begun=begun, zone=ZoneInfo("Europe/Berlin")
    )
    assert health.since == NOW - timedelta(minutes=38)
    assert health.sentence == "Database is down since 12:22. 1 of 2 components is healthy."
    assert health.components[1].since is None


@pytest.mark.parametrize(
    ("ago", "words"),
    [(timedelta(minutes=5), "11:55"), (timedelta(hours=13), "yesterday 23:00"), (timedelta(days=8), "12 Nov 12:00")],
)
def test_since_is_told_by_the_day(ago: timedelta, words: str) -> None:
    assert since_text(NOW - ago, NOW, UTC) == words


def test_the_score_and_the_rule_are_explained() -> None:
    health = platform_health(PACK, [check("db", "warn"), check("cache", "pass", 3600)], NOW)
    assert health.rule == "Down when Database is down; degraded when another component is not healthy."
    assert health.score_words == (
        "Mean of Database 50 (its score is the one component's; 1 silent left out). "
        "A component's score is the mean of its checks: pass 100, warn 50, fail 0."
    )


def test_a_platform_is_degraded_since_the_failure_of_an_uncritical_component() -> None:
    begun = {("cache", "status"): NOW - timedelta(minutes=7)}
    health = platform_health(PACK, [check("db", "pass"), check("cache", "fail")], NOW, begun=begun)
    assert (health.status, health.since) == ("warn", NOW - timedelta(minutes=7))


def test_a_check_that_could_not_look_weighs_nothing() -> None:
    rows = [check("db", "pass"), {**check("db", "unknown"), "check_name": "reads db"}, check("cache", "unknown")]
    health = platform_health(PACK, rows, NOW)
    assert [(part.status, part.score) for part in health.components] == [("unknown", 1.0), ("unknown", None)]
    assert health.score is None
