"""Still blocks: whole pieces of HTML instead of a component for every cell."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from dash import dcc, html

from dashboards.components.still import markup, still
from tests.dashboards.conftest import opened, texts


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (None, ""),
        (["a", None, 3, Decimal("0.50")], "a30.50"),
        ("<script>alert(1)</script> & co", "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co"),
        (html.A("x", href='/a?b="1"&c=<2>', **{"data-nav": "1"}), '<a href="/a?b=&quot;1&quot;&amp;c=&lt;2&gt;" data-nav="1">x</a>'),
        (html.Div("a", title="' onclick='x", className=None), '<div title="&#x27; onclick=&#x27;x">a</div>'),
        (html.Div(style={"width": "5%", "marginLeft": 4, "--a": 3, "opacity": 0.5}), '<div style="width:5%;margin-left:4px;--a:3;opacity:0.5"></div>'),
        (html.Td([html.Br(), "b"], colSpan=2, tabIndex=0), '<td colspan="2" tabindex="0"><br>b</td>'),
        (html.Button("b", disabled=True, hidden=False, **{"aria-pressed": True}), '<button disabled="" aria-pressed="true">b</button>'),
    ],
)  # fmt: skip
def test_elements_become_html_and_nothing_in_them_is_executed(node: Any, said: str) -> None:
    block = still(node, "card", role="table").to_plotly_json()["props"]
    assert block["data-html"] == said
    assert (block["className"], block["role"]) == ("card", "table")


def test_only_html_can_be_still() -> None:
    with pytest.raises(TypeError, match="Graph is not an element"):
        markup(html.Div(dcc.Graph()))


def test_tests_read_a_still_block_as_what_it_shows() -> None:
    block = still([html.H2("A & B"), html.P(["x", html.Br(), html.Span("<y>", className="dim")])])
    assert texts(opened({"type": "Section", "props": block.to_plotly_json()["props"]})) == "A & B x <y>"
