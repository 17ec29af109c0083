"""New figures come into the charts that are on the screen: nothing is drawn as a whole, and what has the focus keeps it."""

import pytest
from playwright.sync_api import expect

from tests.browser.bare import bare
from tests.browser.test_pages import WAIT_MS, visit
from tests.fixtures.browser import OpenWindow

pytestmark = [pytest.mark.browser, pytest.mark.peers]


def test_pushes_keep_the_charts_and_the_focus(site: str, open_window: OpenWindow) -> None:
    window = open_window()
    page = visit(window, f"{site}/platforms/scribe/live", "#live-body .js-plotly-plot")
    page.evaluate(
        """() => {
            window.kept = [...document.querySelectorAll('#live-body .js-plotly-plot')];
            window.put = 0;
            const put = window.inPlace;
            window.inPlace = (id, children) => { const done = put(id, children); window.put += Number(done); return done; };
            window.inPlace.answer = put.answer;
            window.button = document.querySelector('#live-body [data-chart-menu]');
            window.button.focus();
        }"""
    )
    page.evaluate("() => window.dash_clientside.set_props('live-body', { className: 'tried' })")
    expect(page.locator("#live-body.tried")).to_have_count(1)
    page.wait_for_function("window.put >= 2", timeout=WAIT_MS)
    assert page.evaluate("window.kept.length > 0 && window.kept.every(each => each.isConnected)")
    assert page.evaluate("document.activeElement === window.button")
    assert window.errors == []


def test_a_push_for_the_page_left_a_moment_ago_is_dropped(open_window: OpenWindow) -> None:
    page = bare(open_window().page, "/platforms/b/live", '<div id="live-body"></div>', "in_place.js")
    told = page.evaluate(
        """() => ["/platforms/a/live", "/platforms/b/live"].map(pathname => {
            window.told = [];
            window.dash_clientside.roomleft.pushed({ id: "live-body", pathname: pathname, children: pathname });
            return window.told;
        })"""
    )
    assert told == [[], [["live-body", {"children": "/platforms/b/live"}]]]


def test_one_figure_is_changed_where_it_stands(site: str, open_window: OpenWindow) -> None:
    window = open_window()
    page = visit(window, f"{site}/cost?range=7d", "#cost-chart .bars path")
    done = page.evaluate(
        """() => {
            const plot = document.querySelector('#cost-chart.js-plotly-plot, #cost-chart .js-plotly-plot'), body = plot.closest('#page [id]:not(#cost-chart)');
            const told = JSON.parse(JSON.stringify(window.dash_component_api.getLayout(body.id).props.children));
            const find = node => Array.isArray(node) ? node.map(find).find(Boolean) : node && node.props && (node.props.id === 'cost-chart' ? node : find(node.props.children));
            find(told).props.figure.layout.title = { text: 'changed' };
            window.plot = plot;
            return [window.inPlace(body.id, told), window.inPlace(body.id, [...[].concat(told), 'more'])];
        }"""
    )
    assert done == [True, False], "what is of another shape is left to the renderer"
    expect(page.locator("#cost-chart .gtitle")).to_have_text("changed")
    assert page.evaluate("window.plot.isConnected")
    assert window.errors == []
