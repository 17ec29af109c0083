"""Charts in Chromium: taken away as a file, a picture, a link or a table; a click leads to the rows; one instant on every chart; no label is run."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from dashboards.figures.chart import CONFIG, Figure, Line, leads_to
from dashboards.figures.series import line_chart
from dashboards.theme import LIGHT
from tests.browser.bare import bare
from tests.browser.serving import serving
from tests.dashboards.test_cost_pages import priced_parts
from tests.fixtures.browser import OpenWindow, Window

pytestmark = [pytest.mark.browser, pytest.mark.peers]
WAIT_MS = 60_000
COST = "/cost?range=7d&platform=scribe&by=model"
NOW, UTC_ZONE = datetime(2026, 11, 20, 12, tzinfo=UTC), ZoneInfo("UTC")


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of the pages over the sample world with a priced call."""
    parts = priced_parts()
    with serving(parts) as address:
        yield address
    parts.store.close()


def visit(window: Window, address: str, selector: str) -> Page:
    """Go there and wait until the chart is drawn."""
    window.page.goto(address, timeout=WAIT_MS)
    window.page.locator(selector).first.wait_for(timeout=WAIT_MS)
    return window.page


def menu_of(page: Page, chart: str) -> None:
    """Opens a chart's menu by the keyboard."""
    page.locator(f"[data-chart-menu={chart}]").focus()
    page.keyboard.press("Enter")
    page.locator(".chart-menu [role=menuitem]").first.wait_for()


def test_a_chart_is_taken_away_by_the_keyboard_alone(site: str, open_window: OpenWindow, tmp_path: Path) -> None:
    window = open_window(accept_downloads=True)
    page = visit(window, site + COST, "#cost-chart .bars path:visible")
    menu_of(page, "cost-chart")
    page.keyboard.press("ArrowDown")
    with page.expect_download() as csv_file:
        page.keyboard.press("Enter")
    rows = list(csv.reader(Path(csv_file.value.path()).read_text().splitlines()))
    assert rows[0] == ["from_utc", "until_utc", "model", "cost_usd", "state"]
    assert len(rows) > 2
    menu_of(page, "cost-chart")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    with page.expect_download() as picture:
        page.keyboard.press("Enter")
    assert picture.value.suggested_filename.endswith(".png")
    assert Path(picture.value.path()).read_bytes()[:4] == b"\x89PNG"
    menu_of(page, "cost-chart")
    page.keyboard.press("Escape")
    expect(page.locator(".chart-menu")).to_have_count(0)
    assert page.evaluate("document.activeElement.dataset.chartMenu") == "cost-chart", "the focus comes back"
    assert window.errors == []


def test_the_table_leads_to_the_rows(site: str, open_window: OpenWindow) -> None:
    window = open_window()
    page = visit(window, site + COST, "#cost-chart .bars path:visible")
    menu_of(page, "cost-chart")
    page.keyboard.press("Enter")
    table = page.locator("dialog.chart-table")
    table.locator("tbody tr").first.wait_for(timeout=WAIT_MS)
    assert table.get_by_role("columnheader").all_text_contents() == ["From", "Until", "model", "cost, usd", "State"]
    table.locator("tbody a").first.click()
    page.locator(".asked").wait_for(timeout=WAIT_MS)
    assert urlsplit(page.url).path == "/cost/rows"
    assert ".." in parse_qs(urlsplit(page.url).query)["range"][0]
    expect(table).to_have_count(0)
    assert window.errors == []


def test_a_click_on_a_bar_leads_to_the_rows_behind_it(site: str, open_window: OpenWindow) -> None:
    window = open_window()
    page = visit(window, f"{site}/cost?range=24h&platform=scribe&by=model&kind=ai", "#cost-chart .bars path:visible")
    box = page.locator("#cost-chart .bars path:visible").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#cost-chart .hoverlayer")).to_contain_text("click: calls")
    expect(page.locator("#cost-chart .hoverlayer")).to_contain_text("UTC")
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.locator(".asked").wait_for(timeout=WAIT_MS)
    asked = parse_qs(urlsplit(page.url).query)
    assert "model" in asked
    since, until = asked["range"][0].split("..")
    assert since < until
    assert window.errors == []


def test_a_link_to_a_chart_has_its_times_and_points_at_it(site: str, open_window: OpenWindow) -> None:
    window = open_window(permissions=["clipboard-read", "clipboard-write"])
    page = visit(window, site + COST, "#cost-chart .bars path:visible")
    menu_of(page, "cost-chart")
    page.get_by_role("menuitem", name="Copy link").click()
    expect(page.locator("#toast")).to_contain_text("Link copied: this chart at exactly these times")
    address = page.evaluate("navigator.clipboard.readText()")
    assert urlsplit(address).fragment == "cost-chart"
    asked = parse_qs(urlsplit(address).query)
    assert (asked["range"], asked["tz"]) == (["2026-11-13T12:00..2026-11-20T12:00"], ["UTC"])
    again = visit(open_window(), address, "#cost-chart .bars path:visible")
    expect(again.locator(".chart-frame.pointed-at")).to_have_attribute("data-chart", "cost-chart")


def put(page: Page, figure: dict[str, Any], name: str) -> None:
    """Draws one more chart over the page, in a frame as the pages have them."""
    page.evaluate(
        """([figure, name]) => {
            const frame = document.createElement("div"), holder = document.createElement("div"), plot = document.createElement("div");
            frame.className = "chart-frame"; frame.dataset.chart = name; frame.style.cssText = "position:fixed;top:0;left:0;width:640px;height:232px;z-index:99;background:#fff";
            holder.setAttribute("role", "img"); plot.id = name; holder.append(plot); frame.append(holder); document.body.append(frame);
            return Plotly.newPlot(plot, figure.data, figure.layout, {displayModeBar: false});
        }""",
        [json.loads(json.dumps(figure)), name],
    )


def test_one_instant_is_shown_on_every_chart(site: str, open_window: OpenWindow) -> None:
    window = open_window()
    page = visit(window, site + COST, "#cost-chart .bars path:visible")
    points = [(NOW - timedelta(hours=hours), float(hours)) for hours in range(168, -1, -1)]
    lines = [Line(name, points, LIGHT.accent) for name in ("a <b>name</b>", "another")]
    put(page, line_chart(lines, (points[0][0], NOW), UTC_ZONE, LIGHT, unit="ms"), "tried")
    box = page.locator("#cost-chart .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] - 20)
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] - 22)
    page.wait_for_function("[...document.querySelectorAll('.chart-cross')].filter(e => e.style.display === 'block').length === 2")
    words = page.locator("[data-chart=tried] .chart-cross-words").inner_text().split("\n")
    assert [each.endswith("\u202fms") for each in words] == [True, True]
    assert words[0].startswith("a <b>name</b> "), "a line that stands alone needs no name"
    page.mouse.move(box["x"] - 200, box["y"])
    page.wait_for_function("![...document.querySelectorAll('.chart-cross')].some(e => e.style.display === 'block')")
    assert window.errors == []


def test_a_finger_sees_no_line(site: str, open_window: OpenWindow) -> None:
    window = open_window(390, 844, has_touch=True)
    page = visit(window, site + COST, "#cost-chart .bars path:visible")
    page.locator("#cost-chart .nsewdrag").first.tap(force=True)
    assert page.locator(".chart-cross").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


NAMES = (
    "<b>bold</b>",
    "<a href='https://example.org'>go</a>",
    "<img src=x onerror=window.ran=1>",
    "שלום עולם",
    "🦄" * 40,
    "long" * 125,
)


def test_no_name_on_a_chart_is_read_as_markup(site: str, open_window: OpenWindow) -> None:
    span = (NOW - timedelta(hours=1), NOW)
    lines = [Line(name, [(span[0], float(n)), (NOW, n + 1.0)], LIGHT.series[n % 4]) for n, name in enumerate(NAMES)]
    deploys = [{"deployed_at": NOW - timedelta(minutes=30), "version": NAMES[2], "title": NAMES[1]}]
    window = open_window()
    page = visit(window, site + COST, "#cost-chart .bars path:visible")
    put(page, line_chart(lines, span, UTC_ZONE, LIGHT, unit="<i>u</i>", deploys=deploys), "tried")
    page.mouse.move(540, 100)
    page.mouse.move(550, 100)
    page.locator("#tried .hoverlayer text").first.wait_for()
    drawn = " ".join(page.locator("#tried text").all_text_contents())
    assert "<b>bold</b>" in drawn
    assert "<img src=x" in drawn
    assert page.locator("#tried a").count() == 0
    assert page.evaluate("window.ran === undefined")
    assert page.evaluate("document.querySelector('#tried .hoverlayer').getBBox().width") < 640
    assert window.errors == []


def test_a_drag_is_the_pages_range_and_a_double_click_on_a_bar_goes_back(site: str, open_window: OpenWindow) -> None:
    window = open_window()
    page = visit(window, f"{site}/cost?range=24h&platform=scribe&by=model&kind=ai", "#cost-chart .bars path:visible")
    asked: list[str] = []
    page.on("framenavigated", lambda frame: asked.append(frame.url))
    box = page.locator("#cost-chart .nsewdrag").first.bounding_box()
    assert box is not None
    across = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.2, across)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, across, steps=4)
    page.mouse.move(box["x"] + box["width"] * 0.95, across, steps=4)
    page.mouse.up()
    expect(page.locator("details[data-menu=range] summary")).to_contain_text("19 Nov", timeout=WAIT_MS)
    since, until = parse_qs(urlsplit(page.url).query)["range"][0].split("..")
    assert "2026-11-19T12:00" < since < until < "2026-11-20T12:00"
    # The page is drawn anew for the stretch; two clicks wherever there are bars lead to none of their rows.
    page.locator("#cost-chart .bars path:visible").first.wait_for()
    bar = page.locator("#cost-chart .bars path:visible").first.bounding_box()
    assert bar is not None
    page.mouse.dblclick(bar["x"] + bar["width"] / 2, bar["y"] + bar["height"] / 2)
    expect(page.locator("details[data-menu=range] summary")).to_contain_text("Last 24 h", timeout=WAIT_MS)
    assert [each for each in asked if urlsplit(each).path != "/cost"] == []
    assert window.errors == []


BERLIN = ZoneInfo("Europe/Berlin")
BACK_AN_HOUR = datetime(2026, 10, 25, 1, tzinfo=UTC)
"""Berlin's clock, which shows 03:00, is put back to 02:00."""
FRAME = """<details data-menu="range" data-ranged="1" data-zone="Europe/Berlin" data-since="{since:.0f}" data-until="{until:.0f}" data-moving=""><summary>Range</summary></details>
<div class="chart-frame" data-chart="chart" data-ranged="1" data-behind="chart=signal" style="width:640px"><button data-chart-menu="chart">more</button>
<div role="img"><div id="chart" style="width:640px;height:232px"></div></div></div>"""


def minutes_drawn(href: str = "") -> Figure:
    """A chart of each minute of the three hours around the clock's step back."""
    since = BACK_AN_HOUR - timedelta(hours=2)
    points = [(since + timedelta(minutes=n), float(n % 7)) for n in range(181)]
    figure = line_chart([Line("a", points, LIGHT.accent)], (since, points[-1][0]), BERLIN, LIGHT, unit="ms")
    leads_to(figure, BERLIN, "readings", href, step_s=60)
    return {**figure, "config": {**CONFIG, "doubleClickDelay": 900}}


def opened(window: Window, href: str = "") -> tuple[Page, dict[str, float]]:
    """The bare chart's page, and the box of its plot."""
    until = BACK_AN_HOUR.timestamp() + 3600
    body = FRAME.format(since=until - 10_800, until=until)
    page = bare(
        window.page, "/platforms/x?tz=Europe%2FBerlin", body, "charts.js", "roomleft.js", "time.js", figure=minutes_drawn(href)
    )
    page.locator("#chart .nsewdrag").wait_for(state="attached")
    box = page.locator("#chart .nsewdrag").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * 0.5)
    page.mouse.move(box["x"] + box["width"] * 0.12, box["y"] + box["height"] * 0.5)
    page.locator("#chart .hoverlayer text").first.wait_for()
    return page, dict(box)


def test_one_click_opens_the_table_two_zoom_out(open_window: OpenWindow) -> None:
    window = open_window(800, 600)
    page, box = opened(window)
    page.evaluate("window.tables = 0; new MutationObserver(all => all.forEach(each => each.addedNodes.forEach(el => { window.tables += el.tagName === 'DIALOG'; }))).observe(document.body, { childList: true })")  # fmt: skip
    page.mouse.dblclick(box["x"] + box["width"] * 0.12, box["y"] + box["height"] * 0.5)
    expect(page).to_have_url(re.compile("/platforms/x\\?.*range="))
    # Longer than a click waits for a second one.
    page.wait_for_timeout(1_200)
    assert page.evaluate("window.tables") == 0
    page.mouse.click(box["x"] + box["width"] * 0.12, box["y"] + box["height"] * 0.5)
    expect(page.locator("dialog.chart-table[open]")).to_have_count(1)
    assert page.evaluate("window.tables") == 1
    page.keyboard.press("Escape")
    expect(page.locator("[data-chart-menu]")).to_be_focused()
    assert window.errors == []


def test_a_point_of_an_hour_that_comes_twice_leads_to_its_own(open_window: OpenWindow) -> None:
    window = open_window(800, 600)
    page, _ = opened(window, "/cost/rows?kind=ai")
    told = page.evaluate(
        """() => {
            const plot = document.getElementById("chart"), trace = plot.data[0], layout = plot._fullLayout, top = plot.getBoundingClientRect().top;
            const all = [65, 125, 20].map(n => ({ x: trace.x[n], y: trace.y[n], pointNumber: n, curveNumber: 0, data: trace }));
            const went = [];
            window.pages.follow = href => went.push(href);
            return new Promise(done => {
                const next = () => {
                    const point = all.shift();
                    if (!point) { done(went); return; }
                    plot.emit("plotly_click", { points: [point], event: { clientY: top + layout.yaxis._offset + layout.yaxis.c2p(point.y) } });
                    setTimeout(next, 1200);
                };
                next();
            });
        }"""
    )
    assert told == [
        "/cost/rows?kind=ai&range=2026-10-25T02:05%2B02:00..2026-10-25T02:06%2B02:00",
        "/cost/rows?kind=ai&range=2026-10-25T02:05%2B01:00..2026-10-25T02:06%2B01:00",
        "/cost/rows?kind=ai&range=2026-10-25T01:20..2026-10-25T01:21",
    ]
    assert window.errors == []
