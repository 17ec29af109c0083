"""Nothing loses the filters: every link of every page, in its layout, its blocks and its forms, keeps what the address asks for, or says why not."""

import ast
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from dashboards import glossary
from dashboards.app import page_of
from dashboards.filters import parse
from dashboards.on_call_routes import make_on_call
from dashboards.places import PLACES
from dashboards.plain_pages import keeping
from dashboards.way import notes
from tests.dashboards.alert_world import AlertWorld, alert_world
from tests.dashboards.conftest import Driven, found, texts
from tests.dashboards.forecast_world import forecast_world
from tests.dashboards.test_links import ids_in, links, plain, walk

ROOT = Path(__file__).parents[2]
ASKED = "?range=7d&platform=scribe&environment=prod&tz=Europe%2FBerlin&compare=previous"
NAMES = ("range", "platform", "environment", "tz", "compare")
PAGES = [
    "/", "/platforms", "/platforms/scribe", "/platforms/scribe/live", "/platforms/scribe/limits", "/platforms/scribe/deploys", "/on-call",
    "/on-call/silences", "/on-call/deliveries", "/on-call/outbox", "/slos", "/cost", "/cost/rows", "/cost/economics", "/cost/allocation", "/budgets",
    "/capacity", "/capacity/forecasts", "/capacity/track-record", "/reports", "/sources", "/prices", "/people", "/audit", "/account", "/glossary",
    "/nowhere", "/on-call/unusual", "/platforms/nobody", "/capacity/nothing",
]  # fmt: skip
AHEAD = ("/capacity", "/reports")
"""What the world with forecasts has more of."""
WITHOUT_LINKS = ("/account", "/sources", "/slos", "/people")
OF_NOW = "the file is of limits as they stand, its instants are RFC 3339: it knows no range, zone or environment"
NOT_KEPT: list[tuple[str, str, set[str], str]] = [
    (r"/export/limits\.csv", r"", {"range", "tz"}, OF_NOW),
    (r"/export/deliveries\.csv", r"", {"tz"}, "its instants are RFC 3339; the page's days are counted from now"),
    (r"/export/budgets\.csv|/api/v1/budgets\.yaml", r"", {"range", "tz", "compare", "environment"}, OF_NOW),
    (r"/export/track-record\.csv", r"", {"range"}, "claims are of all time"),
    (r"/(api/v1|export)/reports/.*", r"", {"range", "tz", "compare", "environment"}, "a report has days and a zone of its own"),
    (r"/api/v1/.*/files/.*", r"", set(NAMES), "a kept file is as it was made"),
    (r"/platforms/\w+(/.*)?|/status/\w+", r"", {"platform"}, "the path names the platform"),
    (r".*", r"All (\d+ )?platforms|Clear filters|Show all|Clear", {"platform", "environment", "range"}, "it is there to leave filters out"),
    (r"/", r"Scribe \d+", {"platform"}, "the chip of the platform asked for takes it away again"),
    (r".*", r"Any|prod.*", {"environment"}, "it is there to leave the environment out"),
    (r"/cost", r"\$[\d,.]+.*", {"range", "environment"}, "the figure is the month's, of all environments, and so is where it leads"),
    (r".*", r"Last 90 d|Everything of a year", {"range"}, "it is there to change the range"),
]  # fmt: skip
"""Which addresses, under which words, do not keep which names, and why."""


def lost(words: str, href: str, kept: tuple[str, ...] = NAMES) -> str:
    """What a link loses without a reason; empty where it keeps all."""
    parts = urlsplit(href)
    if parts.scheme or href.startswith("#"):
        return ""
    excused = {
        name
        for path, said, names, _ in NOT_KEPT
        if re.fullmatch(path, parts.path) and (not said or re.fullmatch(said, words.strip()))
        for name in names
    }
    gone = [name for name in kept if name not in parse_qs(parts.query) and name not in excused]
    return f"{words[:40]!r} {href} loses {', '.join(gone)}" if gone else ""


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Driven]]:
    """One world with alerts, deliveries and calls; one with forecasts, their record and reports."""
    alerts = alert_world(tmp_path_factory.mktemp("alerts"))
    ahead = forecast_world(tmp_path_factory.mktemp("ahead"))
    yield [Driven(alerts.parts), Driven(ahead.parts)]
    alerts.close()
    ahead.close()


def blocks_of(pages: Driven, path: str, search: str) -> dict[str, Any]:
    """The layout of a page and every block in it, as the browser gets them."""
    layout = plain(page_of(parse(path, search), pages.parts))
    inside = ids_in(layout)
    made = {"layout": layout}
    for output in pages.app.callback_map:
        if any(each.rpartition(".")[0] in inside for each in output.strip(".").split("...") if each.endswith(".children")):
            made |= pages.answered(output, path, search)
    return made


@pytest.mark.parametrize("path", PAGES)
def test_every_link_of_a_page_keeps_the_filters(worlds: list[Driven], path: str) -> None:
    gone, followed = [], 0
    for pages in worlds if path.startswith(AHEAD) else worlds[:1]:
        for name, tree in blocks_of(pages, path, ASKED).items():
            assert not found(tree, className="failed"), f"{name}: {texts(tree)}"
            every = links(tree) + [
                (texts(each), each["props"].get("action", "")) for each in walk(tree) if each["type"] == "Form"
            ]
            followed += len(every)
            gone += [f"{name}: {said}" for words, href in every if (said := lost(words, asked_by_form(tree, href)))]
    assert gone == []
    assert followed or path in WITHOUT_LINKS


def asked_by_form(tree: Any, action: str) -> str:
    """The address that a form asks, with its hidden fields; any other address as it is."""
    for each in walk(tree):
        if each["type"] == "Form" and each["props"].get("action") == action:
            hidden = [field["props"] for field in walk(each) if field["props"].get("type") == "hidden"]
            return action + "?" + "&".join(f"{field['name']}={field['value']}" for field in hidden)
    return action


def test_every_place_of_the_search_is_a_page(worlds: list[Driven]) -> None:
    for place in PLACES:
        path = place.href.partition("#")[0]
        if not path.startswith("/api/"):
            assert "Not found" not in texts(plain(page_of(parse(path, ""), worlds[0].parts))), path


@pytest.fixture(scope="module")
def alerting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AlertWorld, TestClient]]:
    """The pages made on the server."""
    world = alert_world(tmp_path_factory.mktemp("plain"))
    parts = dataclasses.replace(world.parts)
    server = FastAPI()
    server.include_router(make_on_call(parts))
    yield world, TestClient(server)
    world.close()


def addresses(html: str) -> list[tuple[str, str]]:
    return [("", each.replace("&amp;", "&")) for _, each in re.findall(r'(href|action|formaction)="(/[^"]*)"', html)]


@pytest.mark.parametrize(
    "path",
    ["/alerts/{slow}", "/alerts/{lag}", "/alerts/{spend}", "/alerts/none", "/alerts/none/none", "/runbooks/scribe/nothing.md", "/status/scribe", "/status/nobody"],
)  # fmt: skip
def test_pages_made_on_the_server_keep_the_filters(alerting: tuple[AlertWorld, TestClient], path: str) -> None:
    world, client = alerting
    page = client.get(path.format(**{name: each.episode for name, each in world.alerts.items()}) + ASKED).text
    every = addresses(page)
    assert every
    assert [said for words, href in every if (said := lost(words, href))] == []


@pytest.mark.parametrize("deed", ["acknowledge", "silence"])
def test_doing_something_about_an_alert_leads_back_with_the_filters(alerting: tuple[AlertWorld, TestClient], deed: str) -> None:
    world, client = alerting
    answer = client.post(f"/alerts/{world.alerts['slow'].episode}/{deed}{ASKED}&evil=x", data={}, follow_redirects=False)
    assert answer.status_code == 303
    at = urlsplit(answer.headers["location"])
    assert at.path == f"/alerts/{world.alerts['slow'].episode}"
    assert sorted(parse_qs(at.query)) == sorted([*NAMES, "said"])


def test_forms_and_places_of_a_plain_page_keep_the_filters() -> None:
    page = (
        '<form action="/alerts/a/acknowledge"><button formaction="/alerts/a/silence"></button></form><a href="/alerts/a#act"></a>'
    )
    assert keeping(page, "tz=Europe/Berlin&env=prod&q=x") == (
        '<form action="/alerts/a/acknowledge?tz=Europe%2FBerlin&amp;environment=prod">'
        '<button formaction="/alerts/a/silence?tz=Europe%2FBerlin&amp;environment=prod"></button></form>'
        '<a href="/alerts/a?tz=Europe%2FBerlin&amp;environment=prod#act"></a>'
    )


def test_a_filter_that_a_page_cannot_heed_is_kept_and_said(worlds: list[Driven]) -> None:
    def said(path: str, search: str) -> str:
        return texts(plain(notes(parse(path, search), worlds[0].parts.packs)))

    assert "Environment prod is kept for Cost and its rows; this page shows all environments together" in said(
        "/slos", "?env=prod"
    )
    assert said("/cost", "?env=prod") == said("/cost/rows", "?environment=prod") == ""
    assert parse("/cost", "?env=prod").href("/slos") == "/slos?environment=prod"
    assert parse("/slos", "?env=prod&env=test").href("/cost") == "/cost?environment=prod&environment=test"
    assert parse("/cost", "?model=m").href("/capacity/forecasts#unusual-lately") == "/capacity/forecasts#unusual-lately"


BARE = {
    "dashboards/shell.py '#main'": "a place on the page itself",
    "dashboards/shell.py '/'": "the frame before it knows the address, which replaces it",
    "dashboards/components/sheets.py '/glossary'": "a sheet made before any address: the browser adds what is kept (data-keep)",
    "dashboards/pages/budgets.py f'/api/v1/budgets.yaml{query}'": OF_NOW,
    "dashboards/pages/reports.py f'{at}.{ending}?platform={quote(slug)}'": "a report has days and a zone of its own",
    "dashboards/pages/sources.py f'/export/rejected.ndjson?{query}'": "the rows of one source, as they were refused",
}
"""The links whose address is written out, and why."""


def test_no_link_of_a_page_is_written_out_past_the_filters() -> None:
    found_here = set()
    for path in sorted((ROOT / "dashboards").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if name not in ("link", "html.A") or not isinstance(node, ast.Call):
                continue
            given = {each.arg: each.value for each in node.keywords}
            address = node.args[1] if name == "link" and len(node.args) > 1 else given.get("href")
            if isinstance(address, (ast.Constant, ast.JoinedStr)):
                found_here.add(f"{path.relative_to(ROOT)} {ast.unparse(address)}")
    assert found_here == set(BARE)


HEADS = ("verdict", "page-sub", "fact-note", "note-beside", "table-under")
"""What a page says in sentences before its figures."""


@pytest.mark.parametrize(
    "path", [path for path in PAGES if path not in ("/glossary", "/people", "/audit", "/account", "/nowhere")]
)
def test_the_products_own_words_are_explained_where_a_page_first_says_them(worlds: list[Driven], path: str) -> None:
    bare = []
    for pages in worlds if path.startswith(AHEAD) else worlds[:1]:
        for name, tree in blocks_of(pages, path, "").items():
            for kind in HEADS:
                for part in found(tree, className=kind):
                    explained = {each["props"]["data-term"] for each in walk(part) if each["props"].get("className") == "term"}
                    # Names that people gave stand in strong letters and in links.
                    told = " ".join(own_words(part))
                    bare += [
                        f"{name}: {word!r} in {told[:90]!r}"
                        for word, term in PROSE.items()
                        if said_in(word, told) and term not in explained
                    ]
    assert bare == []


PROSE = {word: each.name for each in glossary.TERMS for word in each.prose}


def own_words(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, list):
        for each in part:
            yield from own_words(each)
    elif (
        isinstance(part, dict)
        and part.get("type") not in ("A", "Strong", "Button")
        and "badge" not in str(part["props"].get("className"))
    ):
        yield from own_words(part["props"].get("children"))


def said_in(word: str, told: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", told, re.IGNORECASE) is not None
