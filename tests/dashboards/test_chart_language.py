"""What all charts say alike: names letter for letter, values with units, peaks kept, words for who cannot see, and odd data without a fault."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dashboards.alert_marks import Happened, about_limit
from dashboards.alert_rows import Firing
from dashboards.components.chart_card import behind, graph
from dashboards.figures.chart import HEIGHT, LABEL_GAP, Figure, Line, Mark, leads_to
from dashboards.figures.cost_chart import cost_chart
from dashboards.figures.fan_chart import Fan, fan_chart
from dashboards.figures.hops_chart import hops_chart
from dashboards.figures.series import coloured, hover_value, line_chart
from dashboards.figures.sparkline import room_line
from dashboards.figures.summary import summary, trend
from dashboards.figures.text import plain, read_back, shortened
from dashboards.figures.thinning import thinned
from dashboards.filters import Filters
from dashboards.theme import DARK, LIGHT
from tests.dashboards.sample_rows import SAMPLES

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ZONE, BERLIN = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")
SPAN = (NOW - timedelta(hours=4), NOW)
EDGES = [NOW - timedelta(hours=back) for back in (4, 3, 2, 1)]
HOSTILE = (
    "<b>bold</b>",
    '<a href="javascript:alert(1)">x</a>',
    "<img src=x onerror=alert(1)>",
    "&lt;b&gt;",
    "a\nb\u202eevil",
    "שלום <i>",
    "🦄" * 300,
    "x" * 500,
)
THIN = "\u202f"


@pytest.mark.parametrize(
    ("words", "chars", "drawn"),
    [
        ("plain", 13, "plain"),
        ("<b>x</b> & y", 30, "&lt;b&gt;x&lt;/b&gt; &amp; y"),
        ("&lt;", 30, "&amp;lt;"),
        ("x" * 500, 13, "x" * 12 + "…"),
        ("שלום", 13, "\u2068שלום\u2069"),
        ("a\u202eb\nc", 13, "a b c"),
        ("🦄🦄🦄🦄🦄", 7, "🦄🦄🦄…"),
        ("👩‍👩‍👧‍👦 family", 2, "…"),
        ("e\u0301e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301…"),
    ],
)
def test_names_are_drawn_letter_for_letter(words: str, chars: int, drawn: str) -> None:
    assert plain(words, chars) == drawn


@pytest.mark.parametrize("words", HOSTILE)
def test_a_name_is_read_out_as_it_was(words: str) -> None:
    assert read_back(plain(words, 1000)) == plain(words, 1000).replace("&lt;", "<").replace("&gt;", ">").replace(
        "&amp;", "&"
    ).strip("\u2068\u2069")
    assert len(shortened(words, 13)) <= 14


def texts_of(tree: Any) -> list[str]:
    if isinstance(tree, dict):
        return [text for each in tree.values() for text in texts_of(each)]
    if isinstance(tree, list | tuple):
        return [text for each in tree for text in texts_of(each)]
    return [tree] if isinstance(tree, str) else []


def every_chart(name: str, tones: Any = LIGHT, value: float = 2.0) -> dict[str, Figure]:
    """Each kind of chart with one name everywhere a name can come from data."""
    points = [(edge, value * n) for n, edge in enumerate(EDGES)]
    deploys = [{"platform": "p", "deployed_at": EDGES[1], "version": name, "title": name, "kind": name}]
    firings = [Firing("r", "f", "p", "critical", "e", "firing", EDGES[1], EDGES[2], {}, name)]
    rows: list[dict[str, Any]] = [
        {"name": f"{name}{n}", "bucket_start": edge, "cost_usd": n + 1} for n in range(6) for edge in EDGES
    ]
    fan = Fan(points, [(NOW, 1.0, 2.0, 3.0), (NOW + timedelta(hours=1), 1.0, 2.0, 4.0)], "worlds", 5.0)
    marks = [Mark(name, 3.0, tones.exhausted)]
    lines = [Line(name, points, tones.accent), Line(f"{name}2", points, tones.accent, partial=True)]
    return {
        "line": line_chart(lines, SPAN, ZONE, tones, unit=name, thresholds=marks, deploys=deploys, firings=firings),
        "cost": cost_chart(rows, EDGES, SPAN, ZONE, tones, partial=(True, True), deploys=deploys, firings=firings),
        "hops": hops_chart({name: points}, points, SPAN, ZONE, tones, deploys=deploys),
        "fan": fan_chart(fan, NOW, ZONE, tones, limit_name=name, middle_name=name, odd=[(NOW, 2.0, name)], deploys=deploys, firings=firings),
        "room": room_line([{"bucket_start": EDGES[0], "fraction_left": 0.5}], SPAN, ZONE, tones, deploys=deploys, firings=firings),
    }  # fmt: skip


OURS = ("<br>", "<b>–</b>", '<span style="color:', "</span>", "<extra></extra>")


@pytest.mark.parametrize("name", HOSTILE)
def test_no_chart_passes_on_what_plotly_would_read_as_markup(name: str) -> None:
    for kind, figure in every_chart(name).items():
        for text in texts_of({"data": figure["data"], "layout": figure["layout"]["annotations"]}):
            left = text
            for own in OURS:
                left = left.replace(own, "")
            assert "<" not in left, f"{kind}: {text[:120]}"
            assert "\u202e" not in text


@pytest.mark.parametrize("tones", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("value", [0.0, 1.0, -3.0, 1e12, 1e-9])
def test_every_chart_of_odd_values_is_plain_json(tones: Any, value: float) -> None:
    for figure in every_chart("a", tones, value).values():
        assert json.loads(json.dumps(figure, allow_nan=False)) == json.loads(json.dumps(figure))
        low, high = figure["layout"]["yaxis"]["range"]
        assert low < high


@pytest.mark.parametrize(
    ("points", "axis", "said"),
    [
        ([], (0.0, 1.08), ""), ([(NOW, 1.0)], (0.0, 1.08), f"a: newest 1{THIN}ms, always 1{THIN}ms. b: newest 1{THIN}ms, always 1{THIN}ms."),
        ([(NOW, None)], (0.0, 1.08), ""), ([(edge, None) for edge in EDGES], (0.0, 1.08), ""),
        ([(edge, 0.0) for edge in EDGES], (0.0, 1.0), f"a: newest 0{THIN}s, always 0{THIN}s. b: newest 0{THIN}s, always 0{THIN}s."),
        ([(edge, -1.0) for edge in EDGES], (-1.08, 1.0), f"a: newest \u22121{THIN}ms, always \u22121{THIN}ms. b: newest \u22121{THIN}ms, always \u22121{THIN}ms."),
    ],
    ids=["none", "one", "one gap", "all gaps", "zeros", "negative"],
)  # fmt: skip
def test_odd_lines_are_drawn(points: Any, axis: tuple[float, float], said: str) -> None:
    figure = line_chart([Line("a", points, "#000"), Line("b", points, "#111", partial=True)], SPAN, ZONE, LIGHT, unit="ms")
    drawn = [(x, y) for each in figure["data"] if each["name"] == "a" for x, y in zip(each["x"], each["y"], strict=True)]
    assert drawn == [(f"{at:%Y-%m-%dT%H:%M:%S}", value) for at, value in points]
    # The line that is still filling is drawn in two pieces, which share a point.
    pieces = [each["x"] for each in figure["data"] if each["name"].startswith("b")]
    assert [x for piece in pieces for x in piece[: None if piece is pieces[-1] else -1]] == [x for x, _ in drawn]
    assert tuple(figure["layout"]["yaxis"]["range"]) == pytest.approx(axis)
    assert summary(figure) == said


def test_many_points_keep_their_peaks_lows_and_gaps() -> None:
    points: list[tuple[datetime, float | None]] = [(NOW + timedelta(seconds=n), float(n % 7)) for n in range(10_000)]
    points[4321] = (points[4321][0], 99.0)
    points[8765] = (points[8765][0], -99.0)
    points[5000:5100] = [(at, None) for at, _ in points[5000:5100]]
    drawn = thinned(points, 600)
    assert len(drawn) <= 3000
    assert set(drawn) <= set(points)
    assert [at for at, _ in drawn] == sorted(at for at, _ in drawn)
    values = [value for _, value in drawn]
    assert {99.0, -99.0, None} <= set(values)
    assert drawn[0] == points[0]
    assert drawn[-1] == points[-1]
    assert thinned(points[:1200], 600) == points[:1200], "few points are drawn as they are"


@pytest.mark.parametrize(
    ("unit", "template"),
    [("ms", f"%{{y:,.4~g}}{THIN}ms"), ("usd", "%{y:$,.2f}"), ("worlds", f"%{{y:,.4~g}}{THIN}worlds"), ("percent", f"%{{y:,.4~g}}{THIN}%"),
     ("usd_per_user", f"%{{y:$,.2f}}{THIN}a user"), ("", "%{y:,.4~g}")],
)  # fmt: skip
def test_a_value_is_told_with_its_unit(unit: str, template: str) -> None:
    assert hover_value(unit) == template


def test_the_instant_is_told_with_its_zone_and_what_a_click_does() -> None:
    figure = line_chart([Line("a", [(EDGES[0], 1.0)], "#000")], SPAN, BERLIN, LIGHT)
    assert figure["layout"]["xaxis"]["unifiedhovertitle"]["text"].endswith(" Berlin")
    leads_to(figure, BERLIN, "calls", "/cost/rows", ends={EDGES[0]: EDGES[1]})
    assert figure["layout"]["xaxis"]["unifiedhovertitle"]["text"].endswith(" Berlin · click: calls")
    assert figure["layout"]["meta"]["ends"] == {"2026-11-20T08:00:00Z": "2026-11-20T09:00:00Z"}, (
        "by the instant: a clock shows some twice"
    )


def test_a_step_that_is_not_over_is_dotted() -> None:
    points = [(edge, 1.0) for edge in EDGES]
    (over,) = coloured({"a": points}, LIGHT, filling=NOW)
    (filling,) = coloured({"a": points}, LIGHT, filling=EDGES[-1])
    assert (over.partial, filling.partial) == (False, True)


def test_labels_stand_apart() -> None:
    lines = [Line(f"n{n}", [(EDGES[0], 1.0), (NOW, 1.0)], "#000") for n in range(6)]
    figure = line_chart(lines, SPAN, ZONE, LIGHT)
    inner = HEIGHT - 18 - 24
    places = sorted(note["y"] * inner for note in figure["layout"]["annotations"])
    assert all(after - before >= LABEL_GAP - 1e-6 for before, after in itertools.pairwise(places))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1, 2, 3, 4], "rising"),
        ([4, 3, 2, 1], "falling"),
        ([2, 2, 2, 2], "level"),
        ([1], "level"),
        ([1, 9, 1, 9, 1, 9, 1, 9], "level"),
    ],
)
def test_which_way_a_line_goes(values: list[float], words: str) -> None:
    assert trend(values) == words


def test_a_chart_is_told_in_words() -> None:
    lines = [
        Line("p95", [(edge, value) for edge, value in zip(EDGES, (100.0, 300.0, 200.0, 184.0), strict=True)], "#000"),
        Line("<b>", [(NOW, 5.0)], "#111"),
    ]
    said = summary(line_chart(lines, SPAN, ZONE, LIGHT, unit="ms"))
    assert (
        said == f"p95: newest 184{THIN}ms, between 100{THIN}ms and 300{THIN}ms, rising. <b>: newest 5{THIN}ms, always 5{THIN}ms."
    )


def test_a_frame_has_words_a_menu_and_its_height() -> None:
    figure = line_chart([Line("a", [(EDGES[0], 1.0)], "#000")], SPAN, ZONE, LIGHT)
    filters = Filters(path="/platforms/p", range="7d", zone=BERLIN)
    frame: Any = graph(
        figure, "one", "A chart", query=behind("signal", filters, platform="p", signal="a.b"), ranged=True
    ).to_plotly_json()["props"]
    more, drawn = (each.to_plotly_json()["props"] for each in frame["children"])
    assert more["aria-haspopup"] == "menu"
    assert drawn["role"] == "img"
    assert drawn["aria-label"].startswith("A chart. a: newest 1")
    assert drawn["style"] == {"height": HEIGHT}
    assert frame["data-behind"] == "range=7d&platform=p&tz=Europe%2FBerlin&signal=a.b&chart=signal"
    assert figure["layout"]["dragmode"] == "zoom"
    graph(figure, "two", "A chart")
    assert figure["layout"]["dragmode"] is False, "a chart that does not follow the page's range is not zoomed"


def test_alerts_and_deploys_stand_on_the_charts_they_are_about() -> None:
    limit = next(sample.limit for sample in SAMPLES if sample.limit.limit_id == "arena.worlds_us")

    def firing(platform: str, about: str, **labels: str) -> Firing:
        return Firing(
            "r", "f", platform, "critical", "e", "firing", EDGES[0], None, labels, "t", frozenset({about} if about else ())
        )

    firings = [
        firing("arena", "worlds_us"),
        firing("arena", "*", limit_id="arena.worlds_us"),
        firing("arena", "other"),
        firing("coach", "worlds_us"),
    ]
    assert about_limit(firings, limit) == firings[:2]
    happened = Happened([{"platform": "arena"}, {"platform": "coach"}], firings)
    assert happened.deploys_of(limit) == [{"platform": "arena"}]
    assert happened.firings_of(limit) == firings[:2]
