"""Figures as raw dicts: what every chart must be, and golden values of a few."""

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.figures.chart import CONFIG, HEIGHT, LABEL_GAP, Line, Mark, spread
from dashboards.figures.cost_chart import OTHER, cost_chart, groups
from dashboards.figures.earlier import earlier_cost
from dashboards.figures.hops_chart import hops_chart
from dashboards.figures.series import coloured, line_chart
from dashboards.figures.spark_svg import spark_svg
from dashboards.figures.sparkline import room_line
from dashboards.pages.platform_live import with_empty_minutes
from dashboards.theme import DARK, LIGHT

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ZONE, BERLIN = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")
SPAN = (NOW - timedelta(hours=4), NOW)
EDGES = [NOW - timedelta(hours=back) for back in (4, 3, 2, 1)]


def cost_row(name: str, edge: datetime, cost: str) -> dict[str, Any]:
    return {"name": name, "bucket_start": edge, "cost_usd": Decimal(cost)}


def all_values(tree: Any) -> list[Any]:
    if isinstance(tree, Mapping):
        return [value for each in tree.values() for value in all_values(each)]
    if isinstance(tree, list | tuple):
        return [value for each in tree for value in all_values(each)]
    return [tree]


POINTS = [(edge, float(n)) for n, edge in enumerate(EDGES)]


@pytest.mark.parametrize("tones", [LIGHT, DARK], ids=["light", "dark"])
def test_every_chart_has_the_same_frame(tones: Any) -> None:
    charts = [
        line_chart([Line("a", POINTS, tones.accent)], SPAN, ZONE, tones),
        cost_chart([cost_row("a", EDGES[0], "1")], EDGES, SPAN, ZONE, tones, partial=(False, True)),
        room_line([{"bucket_start": EDGES[0], "fraction_left": 0.4}], SPAN, ZONE, tones),
    ]
    for chart in charts:
        layout = chart["layout"]
        assert layout["showlegend"] is False
        assert layout["paper_bgcolor"] == layout["plot_bgcolor"] == "rgba(0,0,0,0)"
        assert layout["hovermode"] == "x unified"
        assert layout["xaxis"]["showspikes"] is False
        assert layout["font"]["color"] == tones.dim
        assert "template" not in layout
        assert all(isinstance(value, str | int | float | bool | None) for value in all_values(chart)), "only plain JSON values"


def test_no_chart_offers_to_share_its_data() -> None:
    assert CONFIG["showSendToCloud"] is False
    assert CONFIG["displaylogo"] is False
    assert CONFIG["displayModeBar"] is False


def test_times_are_drawn_by_the_readers_clock() -> None:
    chart = line_chart([Line("a", POINTS, "#000")], SPAN, BERLIN, LIGHT)
    assert chart["layout"]["xaxis"]["range"] == ["2026-11-20T09:00:00", "2026-11-20T13:00:00"]
    assert chart["data"][0]["x"][0] == "2026-11-20T09:00:00"


def test_a_bucket_still_filling_is_dotted_to_a_hollow_point() -> None:
    solid, dotted = line_chart([Line("a", POINTS, "#000", partial=True)], SPAN, ZONE, LIGHT)["data"]
    assert solid["y"] == [0.0, 1.0, 2.0]
    assert dotted["y"] == [2.0, 3.0]
    assert dotted["line"]["dash"] == "dot"
    assert dotted["marker"]["size"] == [0, 6]


def test_a_gap_stays_a_gap() -> None:
    points = [(EDGES[0], 1.0), (EDGES[1], None), (EDGES[2], 2.0)]
    (trace,) = line_chart([Line("a", points, "#000")], SPAN, ZONE, LIGHT)["data"]
    assert trace["y"] == [1.0, None, 2.0]
    assert trace["connectgaps"] is False


def test_axes_start_at_zero_except_ratios_that_lie_high() -> None:
    plain = line_chart([Line("a", [(EDGES[0], 95.0), (EDGES[1], 97.0)], "#000")], SPAN, ZONE, LIGHT)
    ratio = line_chart([Line("a", [(EDGES[0], 0.95), (EDGES[1], 0.97)], "#000")], SPAN, ZONE, LIGHT, unit="ratio")
    assert plain["layout"]["yaxis"]["range"][0] == 0
    assert 0.9 < ratio["layout"]["yaxis"]["range"][0] < 0.95


def test_a_threshold_is_a_dashed_line_with_its_name() -> None:
    chart = line_chart([Line("a", POINTS, "#000")], SPAN, ZONE, LIGHT, thresholds=[Mark("Slow query", 10.0, LIGHT.exhausted)])
    (shape,) = chart["layout"]["shapes"]
    assert (shape["y0"], shape["line"]["dash"]) == (10.0, "dash")
    assert chart["layout"]["yaxis"]["range"][1] > 10
    assert any("Slow query" in note["text"] for note in chart["layout"]["annotations"])


def test_deploys_are_dotted_and_crowded_ones_share_a_label() -> None:
    deploys = [{"deployed_at": NOW - timedelta(minutes=m), "version": f"v{m}", "title": "t"} for m in (30, 31, 200)]
    chart = line_chart([Line("a", POINTS, "#000")], SPAN, ZONE, LIGHT, deploys=deploys)
    assert [shape["line"]["dash"] for shape in chart["layout"]["shapes"]] == ["dot"] * 3
    notes = chart["layout"]["annotations"]
    assert [(note["text"], note["xanchor"]) for note in notes] == [("v200", "center"), ("v30 +1", "center")]
    assert notes[1]["hovertext"].count("<br>") == 1, "the hover names every deploy of the label"


@pytest.mark.parametrize(("minutes_ago", "anchor"), [(5, "right"), (120, "center"), (235, "left")])
def test_a_deploy_near_an_edge_is_named_inside(minutes_ago: int, anchor: str) -> None:
    deploys = [{"deployed_at": NOW - timedelta(minutes=minutes_ago), "version": "v1", "title": "t"}]
    chart = line_chart([Line("a", POINTS, "#000")], SPAN, ZONE, LIGHT, deploys=deploys)
    assert [note["xanchor"] for note in chart["layout"]["annotations"]] == [anchor]


def test_deploys_outside_the_range_are_not_drawn() -> None:
    deploys = [{"deployed_at": NOW - timedelta(days=2), "version": "v1", "title": "t"}]
    assert line_chart([Line("a", POINTS, "#000")], SPAN, ZONE, LIGHT, deploys=deploys)["layout"]["shapes"] == []


def test_percentiles_keep_their_hues() -> None:
    lines = coloured({"p99": POINTS, "p50": POINTS, "p95": POINTS}, LIGHT)
    assert [(line.name, line.colour) for line in lines] == list(zip(("p50", "p95", "p99"), LIGHT.percentiles, strict=True))


def test_a_small_line_is_escaped_and_keeps_its_gaps() -> None:
    points = [(EDGES[0], 1.0), (EDGES[1], None), (EDGES[2], 2.0), (EDGES[3], 3.0)]
    deploys = [{"deployed_at": EDGES[2], "version": "<b>", "title": "t"}]
    drawn = spark_svg([(points, "#123456")], SPAN, ZONE, dim="#000", deploys=deploys, label='a "name"')
    assert drawn.count("<polyline") == 1
    assert drawn.count("<circle") == 1, "a lone reading is a point"
    assert "&lt;b&gt;" in drawn
    assert "&quot;name&quot;" in drawn


def test_hops_are_stacked_under_the_whole_way() -> None:
    chart = hops_chart({"a": POINTS, "b": POINTS}, POINTS, SPAN, ZONE, LIGHT)
    assert [trace.get("stackgroup") for trace in chart["data"]] == ["hops", "hops", None]
    assert chart["layout"]["yaxis"]["range"][1] > 2 * max(value for _, value in POINTS)


@given(st.lists(st.floats(0, 190), min_size=1, max_size=8))
def test_labels_keep_their_distance_and_order(places: list[float]) -> None:
    moved = spread(places, high=190)
    ordered = sorted(moved)
    assert all(b - a >= LABEL_GAP - 1e-6 for a, b in itertools.pairwise(ordered))
    assert [sorted(moved).index(each) for each in sorted(moved)] == list(range(len(moved)))
    assert max(moved) <= 190 + 1e-6


def test_beyond_four_lines_the_highest_are_named() -> None:
    lines = coloured({f"line {n}": [(EDGES[0], float(n))] for n in range(9)}, LIGHT)
    assert [line.name for line in lines] == ["line 8", "line 7", "line 6"]


amounts = st.decimals(0, 10_000, places=9, allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(EDGES), amounts), max_size=40))
def test_stacks_add_up_to_what_came_in(parts: list[tuple[str, datetime, Decimal]]) -> None:
    rows = [{"name": name, "bucket_start": edge, "cost_usd": cost} for name, edge, cost in parts]
    stacked = groups(rows)
    assert sum((value for buckets in stacked.values() for value in buckets.values()), Decimal(0)) == sum(
        (row["cost_usd"] for row in rows), Decimal(0)
    )
    assert len(stacked) <= 5


def test_cost_bars_golden() -> None:
    rows = [
        cost_row(name, EDGES[0], cost) for name, cost in (("a", "6"), ("b", "5"), ("c", "4"), ("d", "3"), ("e", "2"), ("f", "1"))
    ]
    chart = cost_chart(rows, EDGES, SPAN, ZONE, LIGHT, partial=(False, True))
    assert [(bar["name"], bar["y"][0], bar["marker"]["color"][0]) for bar in chart["data"]] == [
        ("a", 6.0, LIGHT.series[0]),
        ("b", 5.0, LIGHT.series[1]),
        ("c", 4.0, LIGHT.series[2]),
        ("d", 3.0, LIGHT.series[3]),
        (OTHER, 3.0, LIGHT.dim),
    ]
    marker = chart["data"][0]["marker"]
    assert marker["line"]["width"] == [0, 0, 0, 1.25]
    assert marker["color"][:3] == [LIGHT.series[0]] * 3
    assert marker["color"][3].startswith("rgba("), "an outline of how high it is so far, and nothing that looks whole"
    assert chart["layout"]["xaxis"]["range"] == ["2026-11-20T08:00:00", "2026-11-20T12:00:00"]
    assert chart["layout"]["height"] > HEIGHT


def test_a_fifth_group_keeps_its_own_name() -> None:
    assert list(groups([cost_row(name, EDGES[0], "1") for name in "abcde"])) == list("abcde")


def test_a_value_between_two_gaps_is_still_seen() -> None:
    (trace,) = line_chart([Line("a", [(EDGES[0], None), (EDGES[1], 2.0), (EDGES[2], None)], "#000")], SPAN, ZONE, LIGHT)["data"]
    assert trace["mode"] == "lines+markers"


def test_no_failures_do_not_look_like_all_of_them() -> None:
    chart = line_chart([Line("a", [(EDGES[0], 0.0), (EDGES[1], 0.0)], "#000")], SPAN, ZONE, LIGHT, unit="ratio")
    assert chart["layout"]["yaxis"]["range"] == [0, 0.05]


def test_a_share_never_goes_above_one() -> None:
    chart = line_chart([Line("a", [(EDGES[0], 0.999), (EDGES[1], 1.0)], "#000")], SPAN, ZONE, LIGHT, unit="ratio")
    assert chart["layout"]["yaxis"]["range"][1] == 1.0


def test_minutes_without_a_call_are_zero_calls_and_no_latency() -> None:
    row = {"requests": 3, "failed_requests": 1, "p50_ms": 9.0, "p95_ms": 9.0, "p99_ms": 9.0}
    filled = with_empty_minutes(
        [{**row, "bucket_start": NOW - timedelta(minutes=5)}, {**row, "bucket_start": NOW - timedelta(minutes=2)}],
        NOW - timedelta(minutes=7),
    )
    assert [each["requests"] for each in filled] == [0, 0, 3, 0, 0, 3]
    assert filled[0]["p50_ms"] is None


def test_the_end_of_a_period_cut_short_is_no_fall() -> None:
    now = datetime(2026, 11, 20, tzinfo=UTC)
    edges, past = ([start + timedelta(days=n) for n in range(3)] for start in (now, now - timedelta(days=30)))
    sums = dict(zip(past, (Decimal(9), Decimal(9), Decimal(2)), strict=True))
    whole = [value for _, value in earlier_cost(past, edges, sums, past[-1] + timedelta(days=1))]
    assert whole == [9.0, 9.0, 2.0]
    points = earlier_cost(past, edges, sums, past[-1] + timedelta(hours=6))
    assert [value for _, value in points] == [9.0, 9.0, None, 2.0]
    assert [at for at, _ in points] == sorted(at for at, _ in points)
