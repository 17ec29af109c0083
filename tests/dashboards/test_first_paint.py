"""A page comes with its frame and its grey fields drawn, and its first layout holds them already."""

from __future__ import annotations

from typing import Any

import pytest

from dashboards.first_paint import CHART_SCRIPT
from tests.dashboards.conftest import Driven

PAGES = {
    "the Overview": ("/", "overview-limits", False),
    "a platform": ("/platforms/scribe", "health-golden", True),
    "Cost, with filters": ("/cost?platform=scribe&range=7d", "cost-groups", True),
    "On call": ("/on-call", "on-call-list", False),
}


@pytest.mark.parametrize(("address", "block", "charts"), PAGES.values(), ids=PAGES)
def test_the_frame_and_the_fields_are_in_the_page(pages: Driven, address: str, block: str, charts: bool) -> None:
    said = pages.client.get(address).text
    copy = said.partition('<div id="first-paint"')[2].partition('<div id="react-entry-point">')[0]
    assert f'data-was="{block}"' in copy
    assert 'class="skeleton' in copy
    assert 'data-was="nav-links"' in copy
    assert " id=" not in copy, "the copy must never be taken for the page"
    assert (f'href="{CHART_SCRIPT}"' in said) == charts


def test_the_first_layout_holds_the_page_of_its_address(pages: Driven) -> None:
    layout = pages.client.get("/_dash-layout", params={"at": "/cost?range=7d"}).json()
    found = {each["props"].get("id"): each["props"] for each in walked(layout)}
    assert (found["url"]["pathname"], found["url"]["search"]) == ("/cost", "?range=7d")
    assert "cost-groups" in found
    assert found["nav-links"]["children"], "the frame needs no question of its own"


UNKNOWN = {"none": {}, "another site": {"at": "//elsewhere/"}, "no path": {"at": "javascript:alert(1)"}}


@pytest.mark.parametrize("asked", UNKNOWN.values(), ids=UNKNOWN)
def test_without_an_address_the_browser_says_it_later(pages: Driven, asked: dict[str, str]) -> None:
    found = {each["props"].get("id"): each["props"] for each in walked(pages.client.get("/_dash-layout", params=asked).json())}
    assert "pathname" not in found["url"]
    assert not found["page"].get("children")


def test_markup_in_an_address_is_words(pages: Driven) -> None:
    said = pages.client.get("/nothing<script>alert(1)</script>", params={"q": "<img src=x onerror=alert(1)>"}).text
    assert "<script>alert(1)" not in said
    assert "<img src=x" not in said


def test_the_chart_script_is_named_by_its_version_and_served(pages: Driven) -> None:
    answer = pages.client.get(CHART_SCRIPT)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    told = pages.client.get("/").text.replace("\\u002f", "/")
    assert f'"plotlyjs_url":"{CHART_SCRIPT}"' in told
    assert '"serve_locally":false' in told, "else Dash would not heed it"


def walked(component: Any) -> list[Any]:
    """Every component of a layout, as JSON."""
    if isinstance(component, list):
        return [each for one in component for each in walked(one)]
    if not isinstance(component, dict) or "props" not in component:
        return []
    return [component, *walked(component["props"].get("children"))]
