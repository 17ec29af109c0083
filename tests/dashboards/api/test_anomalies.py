"""Anomalies and announced events over HTTP, and the strip that shows them."""

from __future__ import annotations

import dataclasses
import json
import warnings
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI

from analytics.anomalies.causes import OTHERS
from analytics.anomalies.finding import Anomaly, anomaly_id
from analytics.anomalies.storing import store_anomalies
from analytics.ledger import NOT_GIVEN
from dashboards.anomaly_rows import announce, recent
from dashboards.api.anomalies import make_anomaly_api
from dashboards.api.program import install_errors
from dashboards.filters import parse
from dashboards.pages.unusual import part_words, rows_href, shown, unusual_block, unusual_line
from dashboards.parts import Parts
from roomleft.clock import FixedClock
from roomleft.errors import InputError
from roomleft.packs import load_pack
from tests.dashboards.sample_rows import NOW, sample_parts
from tests.fixtures.state import state_url
from warehouse.state import StateDb

with warnings.catch_warnings():  # Starlette would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

HOUR = timedelta(hours=1)
PACKS = Path(__file__).parents[3] / "packs"


def anomaly(target: str, hours_ago: int, *, step_s: int = 3600, metric: str = "cost", form: str = "screen") -> Anomaly:
    about_at = NOW - hours_ago * HOUR
    causes = {
        "metric": metric,
        "step_s": step_s,
        "words": "+$6 in 60 min: 90 % from model x",
        "beside": [{"kind": "deploy", "title": "v2"}],
    }
    return Anomaly(
        anomaly_id(target, form, about_at, timedelta(seconds=step_s)), target.partition("/")[0], target, form, "usd", about_at, about_at + HOUR,
        9.0, 3.0, 2.0, 4.0, 1e-4, "", causes, NOW,
    )  # fmt: skip


@dataclasses.dataclass
class Site:
    client: TestClient
    parts: Parts

    def get(self, path: str, **query: str) -> Any:
        answer = self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    state = StateDb.open(state_url(tmp_path), FixedClock(NOW))
    parts = dataclasses.replace(sample_parts(filled=False), state=state)
    slug = next(iter(parts.packs))
    rows = [
        anomaly(f"{slug}/ai_cost", 30), anomaly(f"{slug}/ai_cost", 5), anomaly(f"{slug}/ai_cost#model=x", 5),
        anomaly(f"{slug}/ai_cost", 5, step_s=900), anomaly(f"{slug}/ai_cost", 5, form="page"), anomaly(f"{slug}/ai_latency_p95", 5, metric="latency"),
    ]  # fmt: skip
    store_anomalies(parts.store, rows)
    app = FastAPI()
    install_errors(app)
    app.include_router(make_anomaly_api(parts))
    yield Site(TestClient(app), parts)
    state.close()
    parts.store.close()


def test_they_are_listed_newest_first_with_how_often_one_is_false(site: Site) -> None:
    found = site.get("/api/v1/anomalies")
    assert len(found) == 6
    assert [each["about_at"] for each in found] == sorted((each["about_at"] for each in found), reverse=True)
    assert {each["form"] for each in found} == {"page", "screen"}
    assert len(site.get("/api/v1/anomalies", form="page")) == 1
    assert found[0]["headline"] == "3.0 times what was expected"
    assert {each["one_false_in"] for each in found if each["form"] == "screen"} == {360, 1440}


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({"platform": "nowhere"}, "the parameter platform"),
        ({"form": "loud"}, "the parameter form"),
        ({"since": "2026-11-21T00:00:00Z", "until": "2026-11-20T00:00:00Z"}, "the parameter since"),
        ({"since": "yesterday"}, None),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(site: Site, query: dict[str, str], where: str | None) -> None:
    answer = site.client.get("/api/v1/anomalies", params=query)
    assert answer.status_code == 422
    assert where is None or answer.json()["error"]["where"] == where


def test_marked_as_expected_it_and_its_like_are_known_and_an_event_stands(site: Site) -> None:
    found = next(each for each in site.get("/api/v1/anomalies") if each["form"] == "page")
    said = site.client.post(f"/api/v1/anomalies/{found['anomaly_id']}/expected", json={"kind": "launch", "note": "sale"}).json()
    assert said["anomaly"]["known_as"] == "launch: sale"
    assert said["event"]["target"] == found["target"]
    known = {
        (each["target"].partition("/")[2], each["known_as"])
        for each in site.get("/api/v1/anomalies")
        if each["about_at"] == found["about_at"]
    }
    assert known == {("ai_cost", "launch: sale"), ("ai_cost#model=x", "launch: sale"), ("ai_latency_p95", "")}
    (event,) = site.get("/api/v1/expected-events")
    assert event["state"] == "active"
    assert site.client.delete(f"/api/v1/expected-events/{event['id']}").status_code == 200
    assert site.get("/api/v1/expected-events") == []
    assert site.client.delete(f"/api/v1/expected-events/{event['id']}").status_code == 422
    assert site.client.post("/api/v1/anomalies/none/expected", json={}).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "launch"},
        {"kind": "party", "for": "2d"},
        {"kind": "launch", "for": "2d", "until": "2026-12-01T00:00:00Z"},
        {"kind": "launch", "for": "forever"},
        {"kind": "launch", "for": "99999999d"},
        {"kind": "launch", "for": "2d", "platform": "nowhere"},
        {"kind": "launch", "for": "2d", "party": "yes"},
        {"kind": 7, "for": "2d"},
        {"kind": "launch", "until": "soon"},
        {"kind": "launch", "for": "2d", "target": "ai_cost"},
    ],
    ids=[
        "no end",
        "no kind",
        "two ends",
        "no length",
        "too long",
        "no platform",
        "no such word",
        "no text",
        "no instant",
        "a target of nowhere",
    ],
)
def test_what_cannot_be_announced_is_refused(site: Site, body: dict[str, Any]) -> None:
    answer = site.client.post("/api/v1/expected-events", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["what"]
    assert site.get("/api/v1/expected-events") == []


def test_a_misspelt_target_is_refused_since_it_would_silence_nothing(site: Site) -> None:
    packs = {"scribe": load_pack(PACKS / "scribe.yaml")}

    def told(target: str) -> str:
        return announce(site.parts.state, packs, {"kind": "launch", "for": "2d", "target": target}, "ann", NOW).target

    with pytest.raises(InputError, match="nothing is watched or forecast as 'scribe/ai_cots'; did you mean 'scribe/ai_cost'"):
        told("scribe/ai_cots")
    with pytest.raises(InputError, match="scribe/page_laod"):
        told("scribe/page_laod#busiest")
    for name in (
        "ai_cost",
        "ai_cost#model=x",
        "ai_latency_p95#model=x",
        "api_latency_ms#quantile=0.95",
        "page_load",
        "usage:requests",
    ):
        assert told(f"scribe/{name}") == f"scribe/{name}"
    # A part of one that is watched on its own is known too, whatever its zone or statistic.
    assert told("scribe/query_time#busiest") == "scribe/query_time#busiest"


@pytest.mark.parametrize(
    ("body", "where", "what"),
    [
        ({"for": "2d", "until": "2026-12-01T00:00:00Z"}, "until", "two ends"),
        ({"for": "2d", "target": "ai_cost"}, "target", "names no platform"),
    ],
    ids=["two ends", "a target of nowhere"],
)
def test_what_is_wrong_with_it_is_said(site: Site, body: dict[str, Any], where: str, what: str) -> None:
    error = site.client.post("/api/v1/expected-events", json={"kind": "launch", **body}).json()["error"]
    assert error["where"] == where
    assert what in error["what"]


def test_the_strip_shows_one_of_each_event_as_the_api_tells_it(site: Site) -> None:
    found = [each for each in recent(site.parts, NOW - 48 * HOUR, NOW) if each.metric == "cost"]
    rows = shown(found)
    assert [(each.target.partition("/")[2], each.step_s) for each in rows] == [("ai_cost", 900), ("ai_cost", 3600)]
    block = unusual_block(found, site.parts.packs, NOW, parse("/cost", "?tz=Europe/Berlin"))
    assert block is not None
    told = json.dumps(block.to_plotly_json(), default=lambda part: part.to_plotly_json())
    api = {each["anomaly_id"]: each for each in site.get("/api/v1/anomalies")}
    for each in rows:
        assert each.anomaly_id in told
        assert api[each.anomaly_id]["headline"] in told
        assert api[each.anomaly_id]["words"] in told
    assert unusual_block([], site.parts.packs, NOW, parse("/cost", "")) is None


def test_an_event_leads_to_its_calls() -> None:
    """Of its time in the reader's zone, its platform and its cause, whatever the page is narrowed to."""
    one = anomaly("shop/ai_cost#tier=free", 5)
    told = [
        {"dimension": "model", "value": "a b&c"},
        {"dimension": "provider", "value": "(not given)"},
        {"dimension": "feature", "value": OTHERS},
    ]
    one = dataclasses.replace(one, causes={**one.causes, "told": told})
    query = parse_qs(urlsplit(rows_href(one, parse("/cost", "?tz=Europe/Berlin&by=tier&model=z&range=90d"))).query)
    assert query == {
        "range": ["2026-11-20T08:00..2026-11-20T09:00"], "platform": ["shop"], "tz": ["Europe/Berlin"], "kind": ["ai"], "model": ["a b&c"],
        "provider": [NOT_GIVEN], "tier": ["free"],
    }  # fmt: skip


def test_the_overview_tells_of_the_newest_that_nobody_expected() -> None:
    filters = parse("/", "")
    older, newer = anomaly("shop/ai_cost", 30), anomaly("shop/ai_cost", 5)
    line = unusual_line([older, newer], {}, NOW, filters)
    assert line is not None
    assert line.href == "/cost?range=7d"
    words = str(line.children[1])
    assert words.startswith("Unusual: shop: AI cost 3.0 times what was expected, today 07:00 · +$6 in 60 min: ")
    assert words.endswith("and 1 more")
    expected = dataclasses.replace(newer, known_as="launch: sale")
    one = unusual_line([older, expected], {}, NOW, filters)
    assert one is not None
    assert one.href == "/cost?range=7d&platform=shop"
    assert unusual_line([expected], {}, NOW, filters) is None


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("shop/ai_cost", "AI cost"),
        ("shop/ai_cost#request_type=chat", "AI cost of request type chat"),
        ("shop/ai_latency_p95#model=x=y", "p95 of AI calls of model x=y"),
        ("shop/query_ms#component=database,quantile=p95", "query_ms of component database, quantile p95"),
    ],
)
def test_what_a_series_is_called(target: str, words: str) -> None:
    assert part_words(anomaly(target, 1)) == words


@pytest.mark.parametrize("path", ["/api/v1/anomalies", "/api/v1/expected-events"])
def test_a_platform_that_is_none_is_refused_with_those_that_are(site: Site, path: str) -> None:
    answer = site.client.get(path, params={"platform": "nosuch"})
    assert answer.status_code == 422
    assert "unknown platform 'nosuch'" in answer.text
    assert all(slug in answer.text for slug in site.parts.packs)
