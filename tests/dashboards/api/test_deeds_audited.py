"""Each route that changes something notes the deed; each that only asks is named as one that does."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

import pytest

from dashboards import alert_page_deeds, budget_deeds, fault_tray, on_call_routes, status_links
from dashboards.api import (
    acknowledge,
    allocation,
    anomalies,
    forget,
    ledger,
    people,
    program,
    quarantine,
    recipients,
    reports,
    reprice,
    silences,
    sources,
)
from dashboards.deed_words import group_of
from roomleft.app import reporting
from tests.dashboards.door.route_table import INGEST, PUBLIC, TABLE

ASKS_ONLY = {
    ("POST", "/api/v1/sql"): "a question",
    ("POST", "/api/v1/reports/preview"): "keeps nothing",
    ("POST", "/api/v1/allocation/preview"): "keeps nothing",
    ("POST", "/api/v1/alerts/replay"): "keeps nothing",
    ("POST", "/api/v1/reprice/allowed"): "a question",
    ("POST", "/api/v1/sources/{source}/test"): "reads a source once, keeps nothing",
    ("POST", "/_dash-update-component"): "a page's figures",
}
"""What is asked by another method than GET, and why it is no deed."""
DEEDS: Mapping[str, str] = {
    "/api/v1/people": "added a user", "/api/v1/sessions": "ended a session", "/api/v1/account": "set a password", "/api/v1/recipients": "add recipient",
    "/api/v1/reports/send": "send reports", "/unsubscribe": "end recipient", "/api/v1/anomalies": "expect", "/api/v1/expected-events": "expect",
    "/api/v1/reprice": "reprice", "/api/v1/closed-periods": "close books", "/api/v1/allocation/rules": "set mapping", "/api/v1/budgets": "set limit",
    "/api/v1/credits": "set credit", "/api/v1/contracts": "set contract", "/api/v1/decisions": "withdraw limit", "/api/v1/demo/faults": "switch fault",
    "/api/v1/silences": "silence", "/api/v1/alerts": "acknowledge", "/alerts": "acknowledge", "/api/v1/status-links": "publish status page", "/status": "publish status page",
    "/api/v1/start-over": "start over", "/api/v1/users/forget": "forgot a user", "/api/v1/sign-in-link": "issued a sign-in link", "/api/v1/packs/reload": "reload",
    "/api/v1/rejected/resubmit": "resubmit", "/api/v1/pagerduty": "incident.acknowledged",
}  # fmt: skip
"""By the beginning of their addresses: what the routes that change something note."""


def changing() -> list[tuple[str, str]]:
    """Every route that is neither read, nor ingest, nor a question."""
    return [each for each, scope in TABLE.items() if each[0] != "GET" and scope != INGEST and each not in ASKS_ONLY]


def deed_of(path: str) -> str:
    """The deed of the longest beginning that fits; nothing for a route that nobody thought about."""
    fitting = [start for start in DEEDS if path == start or path.startswith(f"{start}/")]
    return DEEDS[max(fitting, key=len)] if fitting else ""


@pytest.mark.parametrize(("method", "path"), changing(), ids=lambda each: str(each))
def test_every_route_that_changes_something_has_a_deed_with_words(method: str, path: str) -> None:
    assert deed_of(path), f"{method} {path} changes something: what does it note?"
    assert group_of(deed_of(path)) != "Other"


def test_no_question_is_named_that_is_gone() -> None:
    assert {each for each in ASKS_ONLY if each not in TABLE} == set()
    assert {start for start in DEEDS if not any(path == start or path.startswith(f"{start}/") for _, path in TABLE)} == set()


def test_what_is_public_and_changes_something_is_noted_too() -> None:
    assert {path for (method, path), scope in TABLE.items() if scope == PUBLIC and method == "POST"} <= {
        "/api/v1/pagerduty",
        "/unsubscribe",
    }


@pytest.mark.parametrize(
    "module",
    [acknowledge, alert_page_deeds, allocation, anomalies, budget_deeds, fault_tray, forget, ledger, on_call_routes, people, program, quarantine, recipients,
     reporting, reports, reprice, silences, sources, status_links],
    ids=lambda module: module.__name__,
)  # fmt: skip
def test_nobody_acts_under_a_made_up_name(module: object) -> None:
    """A deed of the web side is noted under the name of who asked, never under the default one of the command line."""
    source = inspect.getsource(module)  # type: ignore[arg-type]
    assert 'by="local"' not in source
    assert 'who="local"' not in source
