"""What a chart's heights and words say of sums: hours that the clock shows twice, the period beside, bars that still fill, hops that are silent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest

from analytics.reports.hops import median_lines
from dashboards.cost_asked import compared_with, edges_beside
from dashboards.figures.chart import BOTTOM, TOP, Figure, Line, Mark
from dashboards.figures.cost_chart import cost_chart
from dashboards.figures.earlier import add_earlier, earlier_cost, values_of
from dashboards.figures.hops_chart import hops_chart
from dashboards.figures.series import line_chart
from dashboards.figures.summary import summary
from dashboards.filters import bucket_edges, parse
from dashboards.theme import LIGHT
from roomleft.packs_parts import RequestPath

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ZONE, BERLIN = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
THIN = "\u202f"


def bars(edges: list[datetime], until: datetime, zone: ZoneInfo, **more: Any) -> Figure:
    rows = [{"name": "m", "bucket_start": edge, "cost_usd": Decimal(1)} for edge in edges]
    return cost_chart(rows, edges, (edges[0], until), zone, LIGHT, **{"partial": (False, False), **more})


@pytest.mark.parametrize(
    ("zone", "since", "hours"),
    [
        ("Europe/Berlin", datetime(2026, 10, 24, 22, tzinfo=UTC), 25), ("Europe/Berlin", datetime(2026, 10, 25, 0, tzinfo=UTC), 4),
        ("Europe/Berlin", datetime(2026, 3, 28, 23, tzinfo=UTC), 23), ("America/New_York", datetime(2026, 11, 1, 4, tzinfo=UTC), 25),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 13, tzinfo=UTC), 24), ("UTC", datetime(2026, 10, 25, tzinfo=UTC), 24),
    ],
)  # fmt: skip
def test_every_bar_has_a_place_of_its_own(zone: str, since: datetime, hours: int) -> None:
    until = since + timedelta(hours=hours)
    edges = bucket_edges(since, until, ZoneInfo(zone))
    (trace,) = bars(edges, until, ZoneInfo(zone))["data"]
    xs = sorted(datetime.fromisoformat(x) for x in trace["x"])
    assert min(b - a for a, b in pairwise(xs)) > (xs[-1] - xs[0]) / 10_000, (
        "bars at one x are stacked, the upper one out of sight"
    )
    shifts = trace["offset"] if isinstance(trace["offset"], list) else [trace["offset"]] * len(edges)
    begins = [datetime.fromisoformat(x) + timedelta(milliseconds=shift) for x, shift in zip(trace["x"], shifts, strict=True)]
    ends = [begin + timedelta(milliseconds=width) for begin, width in zip(begins, trace["width"], strict=True)]
    placed = sorted(zip(begins, ends, strict=True))
    assert all(end <= begin for (_, end), (begin, _) in pairwise(placed)), "no bar stands on another"
    assert all(x[:16] == f"{edge.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M}" for x, edge in zip(trace["x"], edges, strict=True))


@pytest.mark.parametrize("minutes", [-60, 0, 30, 60, 90, 120])
def test_a_link_to_a_chart_is_of_what_it_shows(minutes: int) -> None:
    since = datetime(2026, 10, 25, tzinfo=UTC) + minutes * MINUTE
    until = since + 30 * MINUTE
    figure = line_chart([Line("a", [(since, 1.0)], LIGHT.accent)], (since, until), BERLIN, LIGHT)
    assert parse("/cost", urlencode({"range": figure["layout"]["meta"]["range"], "tz": "Europe/Berlin"})).span(NOW) == (
        since,
        until,
    )


def test_hours_are_those_of_the_zones_clock() -> None:
    since = datetime(2026, 11, 20, 4, 45, tzinfo=UTC)
    edges = bucket_edges(since, since + timedelta(hours=24), ZoneInfo("Asia/Kolkata"))
    assert {edge.astimezone(ZoneInfo("Asia/Kolkata")).minute for edge in edges} == {0}
    assert edges[0] == datetime(2026, 11, 20, 4, 30, tzinfo=UTC)


def height_of(figure: Figure, words: str) -> float:
    """Where a side label stands, as a value of the y-axis."""
    (note,) = [each for each in figure["layout"]["annotations"] if words in each["text"] and each.get("xref") == "paper"]
    low, high = figure["layout"]["yaxis"]["range"]
    return float(low + note["y"] * (high - low))


@pytest.mark.parametrize("before", [1.0, 9.0, 100.0, 5000.0])
def test_labels_stand_by_their_lines_whatever_the_period_before_was(before: float) -> None:
    points: list[tuple[datetime, float | None]] = [(NOW + n * HOUR, 10.0) for n in range(24)]
    span, earlier = (NOW, NOW + 24 * HOUR), {"": [(at, before) for at, _ in points]}
    figure = line_chart(
        [Line("a", points, LIGHT.accent)], span, ZONE, LIGHT, unit="ms", thresholds=[Mark("limit", 10.0, "#000")], beside=values_of(earlier)
    )  # fmt: skip
    add_earlier(figure, earlier, timedelta(0), ZONE, LIGHT)
    low, high = figure["layout"]["yaxis"]["range"]
    assert high > before
    inner = figure["layout"]["height"] - TOP - BOTTOM
    assert height_of(figure, "limit") == pytest.approx(10.0, abs=7 * (high - low) / inner), "half a label's height at most"


def test_the_names_of_bars_stand_by_them_whatever_the_period_before_was() -> None:
    edges = [NOW + n * HOUR for n in range(4)]
    figure = bars(edges, NOW + 4 * HOUR, ZONE, beside=[10.0])
    add_earlier(figure, {"": [(edge, 10.0) for edge in edges]}, timedelta(0), ZONE, LIGHT)
    assert figure["layout"]["yaxis"]["range"][1] > 10
    assert height_of(figure, "m") == pytest.approx(0.5, abs=0.4)


def beside(search: str) -> tuple[list[datetime], tuple[datetime, ...]]:
    filters = parse("/cost", f"{search}&compare=previous")
    span, _ = compared_with(filters, NOW)
    assert span is not None
    shown = filters.span(NOW)
    return bucket_edges(*shown, filters.zone), edges_beside(shown, span, filters.zone)


@pytest.mark.parametrize(
    ("search", "buckets", "step"),
    [
        ("range=2026-10-24..2026-10-26&tz=Europe/Berlin", 3, timedelta(days=1)), ("range=24h", 24, HOUR), ("range=last-month", 30, timedelta(days=1)),
        ("range=month", 22, timedelta(days=1)), ("range=7d&against=2026-10-01..2026-10-07", 7, timedelta(days=1)),
        ("range=2026-10-25..2026-10-25&tz=Europe/Berlin", 24, HOUR), ("range=6h", 24, timedelta(minutes=15)),
        ("range=24h&against=2026-10-01..2026-10-31", 0, HOUR), ("range=30d&against=2026-10-01..2026-10-03", 0, timedelta(days=1)),
    ],
)  # fmt: skip
def test_what_stands_beside_are_sums_of_stretches_as_long(search: str, buckets: int, step: timedelta) -> None:
    own, earlier = beside(search)
    assert own[2] - own[1] in (step, step + HOUR)
    assert len(earlier) == buckets
    assert all(b - a in (step - HOUR, step, step + HOUR) for a, b in pairwise(earlier))


def test_a_bucket_of_another_length_has_nothing_beside_it() -> None:
    now_edges = [NOW - 20 * MINUTE, NOW, NOW + HOUR]
    past = [NOW - timedelta(days=1) + n * HOUR for n in range(3)]
    points = earlier_cost(past, now_edges, dict.fromkeys(past, Decimal(2)))
    assert [value for _, value in points] == [None, 2.0, 2.0]


@pytest.mark.parametrize(
    ("partial", "amounts", "said"),
    [
        ((False, True), (100, 100, 100, 1), "m: newest $100, always $100."), ((True, False), (1, 100, 100, 100), "m: newest $100, always $100."),
        ((True, True), (1, 100, 150, 1), "m: newest $150, between $100 and $150, rising."), ((False, False), (100, 100, 100, 1), "m: newest $1, between $1 and $100, falling."),
    ],
)  # fmt: skip
def test_a_bar_that_still_fills_is_no_fall_in_words(partial: tuple[bool, bool], amounts: tuple[int, ...], said: str) -> None:
    edges = [NOW + n * HOUR for n in range(4)]
    rows = [{"name": "m", "bucket_start": edge, "cost_usd": Decimal(each)} for edge, each in zip(edges, amounts, strict=True)]
    words = summary(cost_chart(rows, edges, (NOW, NOW + 4 * HOUR), ZONE, LIGHT, partial=partial))
    assert words.replace("$1.00", "$1") == said


def path_of(*series: str) -> RequestPath:
    hops = [{"component": each, "title": each, "series": f"{each}_ms"} for each in series]
    return RequestPath.model_validate({"title": "Way", "hops": hops})


def readings(name: str, minutes: list[int]) -> list[Mapping[str, Any]]:
    return [
        {"component": name, "name": f"{name}_ms", "labels": None, "bucket_start": NOW + n * MINUTE, "mean_value": 5.0, "last_at": NOW + n * MINUTE}
        for n in minutes
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("a", "b", "parts"),
    [
        (range(20), range(20), {"a": [range(20)], "b": [range(20)]}),
        (
            [*range(5), *range(12, 20)],
            [*range(5), *range(12, 20)],
            {"a": [range(5), range(12, 20)], "b": [range(5), range(12, 20)]},
        ),
        (range(20), [*range(5), *range(12, 20)], {"a": [range(5), range(5, 12), range(12, 20)], "b": [range(5), range(12, 20)]}),
        (range(20), [*range(5), *range(6, 20)], {"a": [range(20)], "b": [range(20)]}),
        (range(20), range(10), {"a": [range(10), range(10, 20)], "b": [range(10)]}),
        (range(20), [], {"a": [range(20)]}),
    ],
    ids=["whole", "both silent", "one silent", "a jitter", "one ends", "one never was"],
)
def test_a_hop_that_is_silent_is_not_drawn_as_none(a: Any, b: Any, parts: dict[str, list[range]]) -> None:
    lines, total = median_lines(path_of("a", "b"), [*readings("a", list(a)), *readings("b", list(b))], 60)
    figure = hops_chart(lines, total, (NOW, NOW + 20 * MINUTE), ZONE, LIGHT)
    drawn: dict[str, list[list[str]]] = {}
    for trace in figure["data"]:
        drawn.setdefault(trace["name"], []).append(trace["x"])
        # Plotly takes a None in a stack for a zero, unless it is told to go on between its neighbours.
        assert None not in trace["y"] or trace["stackgaps"] == "interpolate"
        assert all(value in (5.0, None) for value in trace["y"])
    assert drawn == {
        name: [[f"{NOW + n * MINUTE:%Y-%m-%dT%H:%M:%S}" for n in each] for each in own] for name, own in parts.items()
    }
    groups = [trace["stackgroup"] for trace in figure["data"] if trace["name"] == "a"]
    assert len(set(groups)) == len(groups), "each stretch is a stack of its own"
    assert summary(figure).count("a: newest") == 1
