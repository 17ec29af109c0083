"""Every link of every page keeps what the address asks for: range, platform, zone, comparison."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dashboards.components.menus import menu
from dashboards.filters import parse
from dashboards.moved import MOVED, OF_A_PLATFORM, home_of
from dashboards.plain_pages import keeping
from dashboards.shell import bottom_links, brand_link, controls, gear_links, nav_links, top_names
from dashboards.way import crumbs, notes, trail
from tests.dashboards.conftest import Driven, found, opened, texts
from tests.dashboards.sample_rows import NOW

ASKED = "?range=7d&platform=scribe&tz=Europe%2FBerlin&compare=previous"
PAGES = [
    "/", "/platforms", "/platforms/scribe", "/platforms/scribe/live", "/platforms/scribe/limits", "/platforms/scribe/deploys", "/on-call",
    "/on-call/silences", "/on-call/deliveries", "/slos", "/cost", "/cost/rows", "/cost/economics", "/cost/allocation", "/budgets", "/capacity",
    "/capacity/forecasts", "/capacity/track-record", "/reports", "/sources",
]  # fmt: skip
OTHERS = ("/api/", "/assets/", "/_dash", "/s/", "/runbooks/", "/unsubscribe")
"""Not pages: files of the API, and pages that show one thing whatever was asked."""
CLEARS = ("All platforms", "All 5 platforms", "Scribe", "Clear", "Show all")


def ids_in(tree: Any) -> set[str]:
    text = json.loads(json.dumps(tree, default=lambda each: each.to_plotly_json()))
    return {str(each["props"]["id"]) for each in walk(text) if "id" in each.get("props", {})}


def walk(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, list):
        for each in tree:
            yield from walk(each)
    elif isinstance(tree, dict) and "props" in tree:
        yield tree
        yield from walk(tree["props"].get("children"))


def plain(tree: Any) -> Any:
    return opened(json.loads(json.dumps(tree, default=lambda each: each.to_plotly_json())))


def links(tree: Any) -> list[tuple[str, str]]:
    return [(texts(each), each["props"]["href"]) for each in walk(tree) if each["type"] == "A" and each["props"].get("href")]


def lost(words: str, href: str, *, at: str) -> str:
    """What a link of a page leaves out; empty where it keeps all."""
    parts = urlsplit(href)
    if parts.scheme or href.startswith("#") or parts.path.startswith(OTHERS):
        return ""
    query = parse_qs(parts.query)
    # The month's sum leads to the month, which Cost shows by itself.
    of_month = at == "/" and parts.path == "/cost"
    gone = [name for name in ("tz", "range") if name not in query and not (name == "range" and of_month)]
    if "platform" not in query and not words.startswith(CLEARS) and not parts.path.startswith(("/platforms/", "/status/")):
        gone.append("platform")
    return f"{at}: {words[:40]!r} {href} loses {', '.join(gone)}" if gone else ""


@pytest.mark.parametrize("path", PAGES)
def test_every_link_around_a_page_keeps_the_filters(pages: Driven, path: str) -> None:
    filters, packs = parse(path, ASKED), pages.parts.packs
    around = [
        *nav_links(filters), *bottom_links(filters), brand_link(filters), *gear_links(filters),
        *crumbs(filters, packs, top_names()), *notes(parse(path, ASKED.replace("previous", "x")), packs),
    ]  # fmt: skip
    assert [each for each in (lost(words, href, at=path) for words, href in links(plain(around))) if each] == []
    own = links(plain(controls(filters, packs, NOW)))
    gone = [each for each in own if "compare=previous" not in each[1] and not each[0].startswith(("Compare with ", "against "))]
    assert gone == []
    assert len(own) >= 2
    assert all("platform=" in href or words.startswith("All platforms") for words, href in own)


@pytest.mark.parametrize(
    ("old", "new"),
    [*MOVED.items(), ("/platforms/scribe/health", "/platforms/scribe"),
     *((f"/platforms/scribe/{word}", home) for word, home in OF_A_PLATFORM.items())],
)  # fmt: skip
def test_an_old_address_leads_to_the_new_one_with_its_query(pages: Driven, old: str, new: str) -> None:
    asked = "range=2026-11-01T00:00..2026-11-08T12:30&tz=Europe%2FBerlin&compare=previous&environment=a&environment=b&x=a%26b&platform=shop"
    answer = pages.client.get(f"{old}?{asked}", follow_redirects=False)
    assert answer.status_code == 307
    at = urlsplit(answer.headers["location"])
    assert at.path == new
    kept = parse_qs(at.query)
    own = old.startswith("/platforms/scribe/") and old != "/platforms/scribe/health"
    assert kept == {**parse_qs(asked), "platform": ["scribe" if own else "shop"]}
    assert home_of(new) is None, "no chain of redirects"
    assert "Not found" not in texts(pages.call("page.children", new)), "the new home is a page"


def test_a_path_with_an_address_in_it_leads_nowhere_else(pages: Driven) -> None:
    answer = pages.client.get("/platforms/%2F%2Fevil.example/cost", follow_redirects=False)
    assert answer.status_code in (200, 307)
    assert answer.headers.get("location", "/cost").startswith("/cost")


@pytest.mark.parametrize(
    ("path", "search", "names"),
    [
        ("/", "", []), ("/cost", "", []), ("/prices", "", []),
        ("/cost/rows", "", ["Cost", "Rows"]), ("/cost/rows", "?row=a", ["Cost", "Rows", "A call"]),
        ("/cost/economics", "", ["Cost", "Unit economics"]), ("/platforms/scribe", "", ["Platforms", "Scribe"]),
        ("/platforms/scribe/limits", "", ["Platforms", "Scribe", "Limits"]), ("/on-call/silences", "", ["On call", "Silences"]),
        ("/capacity/track-record", "", ["Capacity", "Track record"]), ("/platforms/nobody", "", ["Platforms", "nobody"]),
    ],
)  # fmt: skip
def test_pages_below_a_top_page_say_where_they_are(pages: Driven, path: str, search: str, names: list[str]) -> None:
    assert [name for name, _ in trail(parse(path, search), pages.parts.packs, top_names())] == names


def test_the_rows_lead_back_to_the_question_they_are_behind(pages: Driven) -> None:
    found_trail = trail(parse("/cost/rows", "?model=m&page=3&row=r&range=7d"), pages.parts.packs, top_names())
    assert [href for _, href in found_trail] == [
        "/cost?range=7d&model=m", "/cost/rows?range=7d&model=m&page=3", "/cost/rows?range=7d&model=m&page=3&row=r",
    ]  # fmt: skip


def test_an_unknown_platform_is_said_with_a_way_on(pages: Driven) -> None:
    said = plain(notes(parse("/cost", "?platform=scrib&range=7d"), pages.parts.packs))
    assert "Unknown platform 'scrib': did you mean 'scribe'?" in texts(said)
    assert ("All platforms", "/cost?range=7d") in links(said)


def test_what_was_left_out_stands_above_every_page_once(pages: Driven) -> None:
    filters = parse("/slos", "?range=x&tz=Mars")
    assert [texts(plain(each)).partition(";")[0] for each in notes(filters, pages.parts.packs)] == [
        "'Mars' is not a time zone",
        "'x' is not a range: write for example 6h, 7d or 2026-11-01..2026-11-14",
    ]
    assert "is not a range" not in texts(pages.call("slos-top.children", "/slos", "?range=x"))


def test_a_page_of_now_says_so(pages: Driven) -> None:
    shown = plain(controls(parse("/budgets", "?range=7d"), pages.parts.packs, NOW))
    assert "This page shows how things are now. Pages with a range show: Last 7 d." in texts(shown)
    assert not found(shown, **{"data-ranged": "1"})
    assert found(plain(controls(parse("/cost", ""), pages.parts.packs, NOW)), **{"data-ranged": "1"})


def test_a_menu_is_a_details_with_its_name() -> None:
    made = plain(menu("Platform", "all", [], "platform"))
    assert (made["type"], made["props"]["data-menu"]) == ("Details", "platform")


def test_a_page_without_scripts_carries_the_filters_on() -> None:
    page = '<a href="/on-call">On call</a> <a href="/alerts/a%2Fb">x</a> <a href="//evil.example/">y</a> <a href="/api/docs">z</a> <a href="/cost?by=team">c</a>'
    assert keeping(page, "range=7d&tz=Europe%2FBerlin&said=acknowledged") == (
        '<a href="/on-call?range=7d&amp;tz=Europe%2FBerlin">On call</a> <a href="/alerts/a%2Fb?range=7d&amp;tz=Europe%2FBerlin">x</a> '
        '<a href="//evil.example/">y</a> <a href="/api/docs">z</a> <a href="/cost?by=team">c</a>'
    )
    assert keeping(page, "") == page
