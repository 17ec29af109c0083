"""Status pages: what they tell, what the published one keeps to itself, and links that end when they are revoked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import select

from alerts.book import Book
from dashboards.status_page import Reads, days_of, status_of
from dashboards.status_page_html import status_html
from roomleft.findings import AlertState
from roomleft.packs_parts import Component
from roomleft.rules_when import BurnIs
from tests.dashboards.alert_world import HOUR, RULES, SLOW, SPEND, alert, alert_world
from tests.dashboards.sample_rows import NOW
from tests.dashboards.test_alert_page import Site, words
from warehouse.state.models_alerting import StatusLinkRow


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(alert_world(tmp_path_factory.mktemp("status")))
    yield site
    site.world.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(alert_world(tmp_path))
    yield site
    site.world.close()


def publish(site: Site, note: str = "") -> str:
    """A new link's path, made by the page's own form."""
    page = site.browser.get("/status/scribe").text
    word = re.search(r'name="_csrf_token" value="([^"]+)"', page)
    assert word is not None
    made = site.browser.post("/status/scribe/publish", data={"_csrf_token": word[1], "note": note})
    found = re.search(r"/s/(rl_status_[\w-]+)", made.text)
    assert found is not None, made.text
    return found[0]


def test_the_private_page_needs_somebody_signed_in_and_tells_everything(shared: Site) -> None:
    assert (
        shared.client().get("/status/scribe", headers={"accept": "text/html"}).headers["location"]
        == "/sign-in?next=/status/scribe"
    )
    said = words(shared.browser.get("/status/scribe").text)
    for each in (
        "Scribe: down",
        "AI services down since 20 Nov 12:59",
        "Queries are slow",
        "The model answers with errors unknown",
        "Checked 20 s ago",
        "Cache",
        "Make a link",
    ):
        assert each in said, each
    assert shared.browser.get("/status/nothing").status_code == 404


def test_a_published_page_needs_no_sign_in_and_keeps_things_to_itself(site: Site) -> None:
    spend = alert(SPEND, AlertState.FIRING, HOUR, NOW, value=Decimal(140), unit="usd")
    Book(site.world.state).apply([spend], [])
    answer = site.client().get(publish(site))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["referrer-policy"] == "no-referrer"
    html, said = answer.text, words(answer.text)
    for each in ("Scribe: down", "AI services down since", "Database : Queries are slow since 20 Nov 12:46 ", "Checked 20 s ago"):
        assert each in said, each
    for secret in ("$", "spend", "data team", "/alerts/", "/on-call", "Make a link", "ana", "<script", "_csrf_token", 'href="/'):
        assert secret not in html, secret
    assert html.count('<i class="') == 3 * 30


def test_a_revoked_link_is_gone_at_once(site: Site) -> None:
    path = publish(site, "customers")
    stranger = site.client()
    assert stranger.get(path).status_code == 200
    page = site.browser.get("/status/scribe").text
    assert path.removeprefix("/s/") not in page, "a secret is shown once"
    assert "customers" in page
    prefix = re.search(r'name="prefix" value="([^"]+)"', page)
    word = re.search(r'name="_csrf_token" value="([^"]+)"', page)
    assert prefix is not None
    assert word is not None
    assert site.browser.post("/status/scribe/revoke", data={"_csrf_token": word[1], "prefix": prefix[1]}).status_code == 303
    gone = stranger.get(path)
    assert (gone.status_code, gone.headers["referrer-policy"]) == (404, "no-referrer")
    assert "revoked" in words(site.browser.get("/status/scribe").text)
    assert site.browser.post("/status/scribe/revoke", data={"_csrf_token": word[1], "prefix": prefix[1]}).status_code == 422


def test_only_the_hash_of_a_links_secret_is_kept(site: Site) -> None:
    secret = publish(site).removeprefix("/s/")
    with site.world.state.read() as connection:
        stored = str([tuple(row) for row in connection.execute(select(StatusLinkRow.__table__))])
    assert secret not in stored
    assert secret[:16] in stored


def test_links_over_http(site: Site) -> None:
    word = {"X-CSRFToken": site.browser.cookies["_csrf_token"]}
    made = site.browser.post("/api/v1/status-links", json={"platform": "scribe", "note": "x"}, headers=word).json()
    assert made["url"].startswith("http://127.0.0.1:8470/s/rl_status_")
    [listed] = site.browser.get("/api/v1/status-links?platform=scribe").json()
    assert (listed["prefix"], listed["note"], listed["made_by"], listed["revoked_at"]) == (made["prefix"], "x", "ana", None)
    assert "hash" not in listed
    assert site.browser.post(f"/api/v1/status-links/{made['prefix']}/revoke", headers=word).json()["platform"] == "scribe"
    assert site.client().get(made["url"].removeprefix("http://127.0.0.1:8470")).status_code == 404
    assert site.browser.post("/api/v1/status-links", json={"platform": "none"}, headers=word).status_code == 422
    assert site.browser.post("/api/v1/status-links", json={"platform": "scribe"}).status_code == 403


@pytest.mark.parametrize("path", ["/s/", "/s/nothing", "/s/rl_status_nothing", "/s/..%2Fstatus%2Fscribe"])
def test_what_is_no_link_is_404(shared: Site, path: str) -> None:
    assert shared.client().get(path).status_code in (404, 401)


def test_who_guesses_links_is_held_back(site: Site) -> None:
    path = publish(site)
    stranger = site.client()
    answers = [stranger.get(f"/s/guess{number}").status_code for number in range(12)]
    assert answers == [404] * 10 + [429] * 2
    held = stranger.get(path)
    assert held.status_code == 429
    assert 1 <= int(held.headers["retry-after"]) <= 60


def test_reads_are_bounded_by_address_and_the_memory_is_too() -> None:
    at = [0.0]
    reads = Reads(3, lambda: at[0])
    assert [reads.wait_s("a") for _ in range(3)] == [0.0, 0.0, 0.0]
    assert reads.wait_s("b") == 0.0
    at[0] = 20.0
    assert reads.wait_s("a") == 40.0
    at[0] = 60.0
    assert reads.wait_s("a") == 0.0
    for number in range(10_000):
        reads.wait_s(f"x{number}")
    assert len(reads._seen) <= 4096


def test_a_day_is_as_its_minutes_were() -> None:
    parts = [Component(id="one", title="One", summary="s"), Component(id="two", title="Two", summary="s", redundant=True)]
    pack = SimpleNamespace(components=parts)
    rows = [
        {"component": name, "bucket_start": NOW - back, "minutes": 15, "any_failed": 6, "all_failed": 3}
        for name in ("one", "two")
        for back in (timedelta(0), timedelta(minutes=15), timedelta(days=1))
    ]
    days = days_of(pack, rows, date(2026, 10, 22), NOW.tzinfo)  # type: ignore[arg-type]
    assert [(each.day, each.minutes, each.down) for each in days["one"][-2:]] == [
        (date(2026, 11, 19), 15, 6),
        (date(2026, 11, 20), 30, 12),
    ]
    assert [each.share for each in days["two"][-2:]] == [0.8, 0.8]
    assert (len(days["one"]), days["one"][0].share) == (30, None)


def test_minutes_are_counted_from_the_checks(site: Site) -> None:
    store, world = site.world.parts.store, site.world
    rows = [
        {"check_name": check, "observed_at": NOW - timedelta(days=2, minutes=minute), "status": status}
        for minute in range(10)
        for check, status in (("a", "fail" if minute < 2 else "pass"), ("b", "pass"))
    ]

    def work(tx: Any) -> None:
        kinds = {each.name: each.type for each in tx.execute("SELECT * FROM health_checks LIMIT 0").schema}
        base = {"platform": "scribe", "component": "cache", "source": "t", "ingested_at": NOW}
        columns = {name: pa.array([{**base, **row}.get(name) for row in rows], kind) for name, kind in kinds.items()}
        tx.insert("health_checks", pa.table(columns))

    store.run(work)
    shown = status_of(world.parts, "scribe", NOW)
    day = shown.days["cache"][-3]
    assert (day.minutes, day.down, day.share) == (10, 2, 0.8)


def test_unknown_is_never_shown_as_up(shared: Site) -> None:
    shown = status_of(shared.world.parts, "scribe", NOW + timedelta(hours=2))
    assert shown.health.status == "unknown"
    assert {part.status for part in shown.health.components} == {"unknown"}


def test_only_what_is_wrong_now_is_a_present_incident_and_each_once(site: Site) -> None:
    burn = replace(
        SLOW,
        rule_id="scribe.Burns",
        alert="Burns",
        title="The platform is down",
        when=BurnIs.model_validate({"burn": "availability", "pairs": "page"}),
    )
    found = [
        alert(burn, AlertState.FIRING, HOUR, NOW),
        *(alert(SLOW, AlertState.FIRING, HOUR, NOW, own={"replica": each}) for each in "ab"),
    ]
    Book(site.world.state).apply(found, [])
    site.world.parts = replace(site.world.parts, rules={**RULES, burn.rule_id: burn})
    shown = status_of(site.world.parts, "scribe", NOW)
    for public in (False, True):
        said = words(status_html(shown, public=public))
        assert "The platform is down" not in said
        assert said.count("Queries are slow") == 1
    assert "2 more alerts fire" in words(status_html(shown))
