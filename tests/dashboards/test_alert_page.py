"""An alert's own page: what stands on it, that nothing is needed to read it, and that opening it changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from alerts.acknowledgements import Acknowledgements
from alerts.book import Book
from alerts.silences import Silences
from dashboards import alert_page_deeds
from dashboards.alert_page import AlertPage, _gathered
from dashboards.alert_page_chart import Asked, Point, chart, span_of, spread
from dashboards.alert_page_html import alert_html
from dashboards.alert_rows import is_held_untold
from dashboards.api.program import install_errors
from dashboards.app import build_pages
from dashboards.door.door import Door
from dashboards.on_call_routes import make_on_call
from dashboards.runbook_pages import FOLDER, html_of, make_runbook_pages, runbook_href
from tests.dashboards.alert_world import RULES, SLOW, AlertWorld, alert_world, looked, withhold
from tests.dashboards.sample_rows import BERLIN, NOW
from warehouse.state import Scope, Sessions, SignIn, Tokens
from warehouse.state.models import Base


class Site:
    """The pages behind their door, and a browser that is signed in."""

    def __init__(self, world: AlertWorld) -> None:
        self.world = world
        self.server = FastAPI()
        install_errors(self.server)
        self.server.include_router(make_on_call(world.parts))
        build_pages(self.server, world.parts)
        self.sign_in = SignIn(world.state)
        self.door = Door(self.server, tokens=Tokens(world.state), sign_in=self.sign_in, sessions=Sessions(world.state))
        self.browser = self.client()
        assert self.browser.post("/sign-in", data={"link": self.sign_in.issue("ana", {Scope.ADMIN})}).status_code == 303

    def client(self) -> TestClient:
        return TestClient(self.door, base_url="http://127.0.0.1:8470", follow_redirects=False)

    def path(self, name: str) -> str:
        alert = self.world.alerts[name]
        return f"/alerts/{alert.episode}" if alert.episode else f"/alerts/{alert.rule_id}/{alert.fingerprint}"

    def page(self, name: str, query: str = "") -> str:
        answer = self.browser.get(self.path(name) + query)
        assert answer.status_code == 200, answer.text
        return answer.text

    def form(self, name: str) -> dict[str, str]:
        """The hidden word of the page's form."""
        found = re.search(r'name="_csrf_token" value="([^"]+)"', self.page(name))
        assert found is not None
        return {"_csrf_token": found[1]}

    def stored(self) -> dict[str, list[tuple[object, ...]]]:
        """Every row of the state database but when sessions and tokens were last seen."""
        with self.world.state.read() as connection:
            tables = {table.name: table for table in Base.metadata.sorted_tables if table.name not in ("leases", "job_runs")}
            return {
                name: sorted((tuple(row) for row in connection.execute(select(table))), key=str) for name, table in tables.items()
            }


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(alert_world(tmp_path_factory.mktemp("alerts")))
    yield site
    site.world.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(alert_world(tmp_path, filled=False))
    yield site
    site.world.close()


def words(html: str) -> str:
    """What is read of a page, with plain spaces."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<style>.*?</style>", "", html)))


def test_it_says_what_somebody_who_was_woken_needs(shared: Site) -> None:
    said = words(shared.page("slow"))
    for each in (
        "Firing", "critical", "Queries are slow", "readers wait", "today 12:46 UTC+1 Berlin, 14 min, fired 12:48", "812 ms, limit 100 ms", "964 ms", "data team",
        "today 12:59, 20 s ago", "Acknowledge", "Silence 1 h", "Runbook", "It fires", "on_call by outbox: delivered", "A replica falls behind", "on_no_data: unknown",
    ):  # fmt: skip
        assert each in said, each


def test_what_to_do_stands_before_everything_long(shared: Site) -> None:
    html = shared.page("slow")
    order = [
        html.index(each)
        for each in (
            "<h1>",
            ">Since<",
            ">Value<",
            ">Data until<",
            ">Acknowledge<",
            "<svg",
            "What happened",
            "Who was told",
            "The rule",
        )
    ]
    assert order == sorted(order)


@pytest.mark.parametrize("name", ["slow", "lag", "worlds", "model", "cache", "spend"])
def test_it_needs_no_script_and_no_other_file_and_is_small(shared: Site, name: str) -> None:
    html = shared.page(name)
    assert len(html.encode()) <= 100_000
    assert not re.search(r"<script|\ssrc=|<iframe|<img|@import|url\(|rel=\"stylesheet\"|\son\w+=", html)
    assert "prefers-color-scheme:dark" in html


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("worlds", ["Runs out", "24 Nov", "22–27 Nov", "withheld", "silenced"]),
        ("model", ["Unknown", "no reading of error_rate for 38 min"]),
        ("spend", ["Over", "At recovery", "$61.20", "after 118 min", "Worst", "$140"]),
        ("cache", ["Pending"]),
    ],
)
def test_each_state_is_told(shared: Site, name: str, said: list[str]) -> None:
    html = words(shared.page(name))
    for each in said:
        assert each in html, each


@pytest.mark.parametrize(("name", "offered"), [("slow", True), ("cache", False), ("spend", False), ("model", False)])
def test_only_what_fires_can_be_taken_on(shared: Site, name: str, offered: bool) -> None:
    assert (">Acknowledge<" in shared.page(name)) is offered


def test_a_get_never_acknowledges(shared: Site) -> None:
    """Mail scanners open every link of a page, those of forms too."""
    before = shared.stored()
    for name in shared.world.alerts:
        html = shared.page(name)
        for link in set(re.findall(r'(?:href|action|formaction)="([^"]+)"', html)) - {"data:,"}:
            path = link.replace("&amp;", "&").partition("#")[0]
            assert shared.browser.get(path or "/").status_code in (200, 404, 405), link
            assert shared.browser.head(path or "/").status_code in (200, 404, 405), link
    assert shared.stored() == before


def test_acknowledging_by_the_form_leads_back_and_shows_who(site: Site) -> None:
    path = site.path("slow")
    done = site.browser.post(f"{path}/acknowledge", data={**site.form("slow"), "note": "on it"})
    assert (done.status_code, done.headers["location"]) == (303, f"{path}?said=acknowledged")
    taken = Acknowledgements(site.world.state).of(site.world.alerts["slow"].episode)
    assert [(each.who, each.note, each.source) for each in taken] == [("ana", "on it", "page")]
    said = words(site.page("slow", "?said=acknowledged"))
    assert "You have it" in said
    assert "ana has it" in said
    assert "Take over" not in said


def test_silencing_by_the_form_holds_this_alert_alone_for_an_hour(site: Site) -> None:
    done = site.browser.post(f"{site.path('lag')}/silence?tz=Europe%2FBerlin", data=site.form("lag"))
    assert done.headers["location"] == f"{site.path('lag')}?said=silenced&tz={quote('Europe/Berlin', safe='')}"
    [silence] = Silences(site.world.state).all(NOW)
    assert silence.ends_at == NOW + timedelta(hours=1)
    assert {name: silence.holds(each.labels, NOW) for name, each in site.world.alerts.items()} == {
        "slow": False, "lag": True, "worlds": False, "model": False, "cache": False, "spend": False,
    }  # fmt: skip
    again = site.browser.post(f"{site.path('lag')}/silence", data=site.form("lag"))
    assert again.status_code == 422
    assert "says the same until" in words(again.text)


def test_both_forms_have_it_told_at_once(site: Site) -> None:
    evaluated: list[str] = []
    parts = replace(site.world.parts, responded=lambda: evaluated.append("at once"))
    alert_page_deeds.acknowledge(parts, site.world.alerts["slow"], "", "ana")
    alert_page_deeds.silence(parts, site.world.alerts["slow"], "", "ana")
    assert len(evaluated) == 2


@pytest.mark.parametrize("deed", ["acknowledge", "silence"])
def test_a_form_without_the_pages_word_changes_nothing(site: Site, deed: str) -> None:
    before = site.stored()
    for data, headers in (({}, {}), ({"_csrf_token": "made-up"}, {}), (site.form("slow"), {"Origin": "http://evil.example"})):
        assert site.browser.post(f"{site.path('slow')}/{deed}", data=data, headers=headers).status_code == 403
    assert site.client().post(f"{site.path('slow')}/{deed}", data=site.form("slow")).status_code == 401
    assert site.stored() == before


def test_a_stranger_signs_in_and_returns_to_the_alert(site: Site) -> None:
    stranger = site.client()
    sent = stranger.get(site.path("slow"), headers={"Accept": "text/html"})
    assert sent.headers["location"] == f"/sign-in?next={site.path('slow')}"
    asked = stranger.get(sent.headers["location"]).text
    target = re.search(r'name="next" value="([^"]+)"', asked)
    assert target is not None
    done = stranger.post("/sign-in", data={"link": site.sign_in.issue("bo"), "next": target[1]})
    assert done.headers["location"] == site.path("slow")
    assert stranger.get(done.headers["location"]).status_code == 200


def test_acknowledging_what_is_over_is_refused_in_words(site: Site) -> None:
    answer = site.browser.post(f"{site.path('spend')}/acknowledge", data=site.form("slow"))
    assert answer.status_code == 422
    assert "This alert is over" in words(answer.text)


def test_a_past_episode_has_its_page_after_the_alert_fired_anew(site: Site) -> None:
    old = site.world.alerts["spend"]
    Book(site.world.state).apply([replace(old, episode="another", resolved_at=None)], [])
    said = words(site.page("spend"))
    assert "Over" in said
    assert "after 118 min" in said


def test_an_unknown_alert_is_404_in_words(shared: Site) -> None:
    for path in ("/alerts/nothing", "/alerts/scribe.Nothing/0000", "/alerts/%3Cscript%3E"):
        answer = shared.browser.get(path)
        assert answer.status_code == 404
        assert "<script>" not in answer.text


def test_what_comes_from_outside_is_escaped(tmp_path: Path) -> None:
    world = alert_world(tmp_path, filled=False)
    evil = '"><script>alert(1)</script>'
    alert = replace(
        world.alerts["slow"], labels={**world.alerts["slow"].labels, "host": evil}, annotations={"summary": evil}, reason=evil
    )
    Book(world.state).apply([alert], [])
    withhold(world.state, alert, NOW, evil)
    site = Site(world)
    html = site.page("slow")
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    world.close()


def test_the_chart_draws_the_reading_the_limit_and_the_firing_stretch(shared: Site) -> None:
    alert = shared.world.alerts["slow"]
    span = span_of(NOW - timedelta(minutes=12), NOW)
    assert span[1] - span[0] == timedelta(minutes=72)
    drawn = Asked(shared.world.parts).points(SLOW, alert.fingerprint, span)
    assert (len(drawn), drawn[-1].at, drawn[-1].value, drawn[-1].line) == (37, span[1], 812.5, 100.0)
    assert [each.at for each in drawn] == sorted(each.at for each in drawn)
    html = chart(drawn, span, (NOW - timedelta(minutes=12), NOW), [], BERLIN, words=lambda value: f"{value:g} ms", title="t")
    assert html.count("<polyline") == 2
    assert '<rect x="500.0" y="0" width="100.0"' in html
    assert "limit 100 ms" in html
    assert "There is no chart" in chart([], span, None, [], BERLIN, words=lambda value: f"{value:g} ms", title="t")


def test_an_expensive_condition_does_not_keep_the_page_waiting(shared: Site) -> None:
    """It is asked at few instants, at others the next time, and never again where it was asked before."""
    at, calls = [0.0], []

    def look(rules: object, instant: object) -> object:
        at[0] += 0.5
        calls.append(instant)
        return looked(RULES, instant)  # type: ignore[arg-type]

    asked = Asked(replace(shared.world.parts, look=look), 1.2, lambda: at[0])  # type: ignore[arg-type]
    fingerprint, span = shared.world.alerts["slow"].fingerprint, (NOW - timedelta(hours=2), NOW)
    first = asked.points(SLOW, fingerprint, span)
    assert len(first) == len(calls) == 3
    assert first[-1].at == NOW
    assert min(each.at for each in first) < NOW - timedelta(minutes=50)
    later = (span[0] + timedelta(minutes=1), span[1] + timedelta(minutes=1))
    assert len(asked.points(SLOW, fingerprint, later)) > 3


def test_the_grid_stays_when_the_span_moves_on() -> None:
    one, other = ({*spread((NOW - timedelta(hours=2) + each, NOW + each))} for each in (timedelta(0), timedelta(seconds=20)))
    assert len(one & other) >= len(one) - 2


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# A & B", '<h1 id="a--b">A &amp; B</h1>'),
        ("one\ntwo\n\nthree", "<p>one two</p><p>three</p>"),
        ("- a\n  more\n- `b<`", "<ul><li>a more</li><li><code>b&lt;</code></li></ul>"),
        ("1. a\n2. **b**", "<ol><li>a</li><li><strong>b</strong></li></ol>"),
        ("```sh\n<x>\n# not a heading\n```", "<pre><code>&lt;x&gt;\n# not a heading</code></pre>"),
        ("[a](https://x.example/y)", '<p><a href="https://x.example/y" rel="noreferrer">a</a></p>'),
        ("[a](javascript:alert%281%29) [b](//evil.example)", "<p>a b</p>"),
        ("<img src=x onerror=alert(1)>", "<p>&lt;img src=x onerror=alert(1)&gt;</p>"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"),
    ],
)
def test_a_runbook_is_simple_html(text: str, html: str) -> None:
    assert html_of(text) == html


def test_runbooks_are_read_below_their_folder_only(tmp_path: Path) -> None:
    (tmp_path / "books" / "shop").mkdir(parents=True)
    (tmp_path / "books" / "shop" / "Slow.md").write_text("# Slow\n\nLook at it.", encoding="utf-8")
    (tmp_path / "secret.md").write_text("secret", encoding="utf-8")
    server = FastAPI()
    server.include_router(make_runbook_pages(tmp_path / "books"))
    client = TestClient(server)
    assert "Look at it." in client.get(runbook_href("docs/runbooks/shop/Slow.md")).text
    assert "Look at it." in client.get("/runbooks/shop/Slow").text
    for path in (
        "/runbooks/../secret.md",
        "/runbooks/%2e%2e/secret.md",
        "/runbooks/shop/%2e%2e/%2e%2e/secret.md",
        "/runbooks//etc/passwd",
        "/runbooks/shop",
    ):
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert "secret</p>" not in answer.text


def test_emphasis_and_links_between_runbooks_are_drawn() -> None:
    assert html_of("1. See *[The disk](disk.md)*, 2 * 3 * 4, *now*.") == (
        '<ol><li>See <em><a href="disk.md" rel="noreferrer">The disk</a></em>, 2 * 3 * 4, <em>now</em>.</li></ol>'
    )


def test_each_runbook_that_another_names_is_there_under_its_title() -> None:
    seen = 0
    for path in FOLDER.rglob("*.md"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"see \*[^\[]", text), f"{path.name}: see *…* without a link"
        for title, href in re.findall(r"\*\[([^\]]+)\]\(([^)]+)\)\*", text):
            head = (path.parent / href).read_text(encoding="utf-8").splitlines()[0]
            assert head == f"# {title}", f"{path.name}: {title}"
            seen += 1
    assert seen > 5


def test_an_alert_that_was_told_of_is_not_said_to_tell_nobody(shared: Site) -> None:
    alerts = shared.world.alerts
    assert not is_held_untold(shared.world.state, alerts["slow"].episode)
    assert is_held_untold(shared.world.state, alerts["cache"].episode)
    assert not is_held_untold(shared.world.state, alerts["worlds"].episode), "withheld, but by a silence"


def test_a_chart_without_readings_says_what_it_shows(tmp_path: Path) -> None:
    at = [NOW - timedelta(minutes=each) for each in (2, 1, 0)]
    site = Site(alert_world(tmp_path))
    held = replace(page_of(site), points=[Point(each, None, None, True) for each in at])
    assert "There is no reading behind it. Solid where" in alert_html(held)
    unknown = alert_html(replace(held, points=[Point(each, None, None, None) for each in at]))
    assert "there is nothing to draw" in unknown
    assert "<svg" not in unknown
    site.world.close()


def page_of(site: Site) -> AlertPage:
    return _gathered(site.world.parts, site.world.alerts["slow"], BERLIN, "")


def test_the_fingerprint_over_http_is_unique_among_alerts(shared: Site) -> None:
    told = shared.browser.get("/api/v1/alerts").json()["data"]["alerts"]
    assert len({each["fingerprint"] for each in told}) == len(told) > len({each["key"] for each in told})
