"""The fan of a limit ends where its stored future says, for every kind of window; and says nothing where there is nothing to say."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import cast
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import yaml
from pydantic import TypeAdapter

from analytics.forecasting.futures import Futures
from analytics.forecasting.limit import outlook
from dashboards.fan_rows import limit_fan, series_fan
from dashboards.figures.chart import stamp
from dashboards.figures.fan_chart import Fan, Upright, fan_chart
from dashboards.filters import parse
from dashboards.limit_rows import LimitRow, never_measured
from dashboards.meter_address import behind_meter, leads_to_rows
from dashboards.theme import LIGHT
from roomleft.limits import Direction, Kind, Limit, Reading
from roomleft.outlook import Shape
from roomleft.packs import Pack
from roomleft.packs_meters import Meter
from roomleft.timespan import Period, Window, midnight

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def limit(window: Window | None, direction: Direction = Direction.AT_MOST, amount: str = "3000") -> Limit:
    return Limit("shop.it", "shop", Kind.BUDGET, "It", Decimal(amount), "usd", "it", direction, window)


def futures(
    shape: Shape, zone: ZoneInfo = BERLIN, *, now: datetime = NOW, level: float = 100.0, days: int = 90, ahead: int = 45
) -> Futures:
    rng = np.random.default_rng(7)
    past = level * (1 + 0.1 * rng.standard_normal(days))
    values = level * rng.lognormal(0, 0.2, (300, 1)) * (1 + 0.1 * rng.standard_normal((300, ahead)))
    return Futures("shop/it", "run", shape, zone, now.astimezone(zone).date(), values.astype(np.float32), past, now, "90 days")


def row(own: Limit, used: float, now: datetime = NOW) -> LimitRow:
    return LimitRow(own, dataclasses.replace(never_measured(own, now), used=Decimal(str(used)), as_of=now))


CASES = {
    "a month in its own zone": (limit(Window(Period.MONTH, BERLIN)), Shape.FLOW, 1900.0, NOW),
    "a month with an hour more": (limit(Window(Period.MONTH, BERLIN)), Shape.FLOW, 1500.0, datetime(2026, 10, 20, 9, 30, tzinfo=UTC)),
    "a year's last day": (limit(Window(Period.MONTH, BERLIN)), Shape.FLOW, 3100.0, datetime(2026, 12, 31, 20, tzinfo=UTC)),
    "a week": (limit(Window(Period.WEEK, BERLIN), amount="700"), Shape.FLOW, 410.0, NOW),
    "thirty rolling days": (limit(Window(Period.ROLLING, span=timedelta(days=30))), Shape.FLOW, 2950.0, NOW),
    "six rolling hours": (limit(Window(Period.ROLLING, span=timedelta(hours=6)), amount="40"), Shape.FLOW, 22.0, NOW),
    "a stock": (limit(None, amount="150"), Shape.LEVEL, 104.0, NOW),
    "a floor": (limit(None, Direction.AT_LEAST, "80"), Shape.LEVEL, 112.0, NOW),
    "a ratio of a month": (limit(Window(Period.MONTH, BERLIN), amount="150"), Shape.LEVEL, 96.0, NOW),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_fan_ends_where_the_outlook_says(case: tuple[Limit, Shape, float, datetime]) -> None:
    own, shape, used, now = case
    known = futures(shape, now=now)
    said = outlook(own, Reading(Decimal(str(used)), now, timedelta(hours=1)), known, now)
    fan = limit_fan(row(own, used, now), known, now)
    assert fan is not None
    assert fan.ahead[0] == (now, used, used, used)
    assert said.ends_p10 is not None
    assert said.ends_p50 is not None
    assert said.ends_p90 is not None
    assert fan.ahead[-1][1:] == pytest.approx((float(said.ends_p10), float(said.ends_p50), float(said.ends_p90)), rel=1e-6)
    assert said.about_to is not None
    assert abs(fan.ahead[-1][0] - said.about_to) < timedelta(hours=25)
    assert all(low <= middle <= high for _, low, middle, high in fan.ahead)
    assert fan.past[-1] == (now, used)


def test_a_daily_allowance_is_shown_day_by_day_to_the_end_that_is_said() -> None:
    own = limit(Window(Period.DAY, BERLIN), amount="150")
    known = futures(Shape.FLOW)
    said = outlook(own, Reading(Decimal(40), NOW, timedelta(hours=1)), known, NOW)
    fan = limit_fan(row(own, 40.0), known, NOW)
    assert fan is not None
    today = next(
        each for each in fan.ahead if each[0] > NOW - timedelta(hours=12) and each[0].astimezone(BERLIN).date() == NOW.date()
    )
    assert said.ends_p50 is not None
    assert today[2] == pytest.approx(float(said.ends_p50), rel=1e-6)
    assert fan.refills == ()


def test_early_in_a_month_the_one_before_is_shown_and_the_line_breaks_where_it_refills() -> None:
    now = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
    own = limit(Window(Period.MONTH, BERLIN))
    fan = limit_fan(row(own, 250.0, now), futures(Shape.FLOW, now=now), now)
    assert fan is not None
    start = midnight(datetime(2026, 11, 1, tzinfo=UTC).date(), BERLIN)
    assert list(fan.refills) == [start, midnight(datetime(2026, 12, 1, tzinfo=UTC).date(), BERLIN)]
    assert (start, None) in fan.past
    october = [value for at, value in fan.past if at < start and value is not None]
    assert october[0] == 0
    assert october == sorted(october)


def test_a_past_that_is_not_known_to_the_window_s_start_is_not_added_up_from_its_middle() -> None:
    own = limit(Window(Period.MONTH, BERLIN))
    fan = limit_fan(row(own, 250.0), futures(Shape.FLOW, days=8), NOW)
    assert fan is not None
    assert fan.past == [(NOW, 250.0)]


def test_a_gap_in_the_past_stays_a_gap() -> None:
    known = futures(Shape.LEVEL)
    known.past[-5] = np.nan
    fan = limit_fan(row(limit(None, amount="150"), 104.0), known, NOW)
    assert fan is not None
    assert [value for _, value in fan.past].count(None) == 1


@pytest.mark.parametrize("values", [np.zeros((0, 0)), np.zeros((4, 0))], ids=["no draws", "no days"])
def test_no_futures_no_fan(values: np.ndarray) -> None:
    empty = dataclasses.replace(futures(Shape.LEVEL), values=values.astype(np.float32))
    assert limit_fan(row(limit(None), 104.0), empty, NOW) is None


def test_an_unread_limit_has_no_fan() -> None:
    own = limit(None)
    assert limit_fan(LimitRow(own, never_measured(own, NOW)), futures(Shape.LEVEL), NOW) is None


def test_a_limit_far_above_is_said_and_not_drawn() -> None:
    fan = limit_fan(row(limit(None, amount="150000"), 104.0), futures(Shape.LEVEL), NOW)
    assert fan is not None
    assert fan.limit_is_far
    figure = fan_chart(fan, NOW, BERLIN, LIGHT)
    assert [shape for shape in figure["layout"]["shapes"] if shape.get("yref") == "y"] == []
    near = fan_chart(dataclasses.replace(fan, amount=150.0), NOW, BERLIN, LIGHT)
    assert [shape["y0"] for shape in near["layout"]["shapes"] if shape.get("yref") == "y"] == [150.0]


def test_the_chart_names_now_the_limit_and_the_last_day_to_order_and_has_no_legend() -> None:
    fan = limit_fan(row(limit(Window(Period.MONTH, BERLIN)), 1900.0), futures(Shape.FLOW), NOW)
    assert fan is not None
    figure = fan_chart(
        fan, NOW, BERLIN, LIGHT, uprights=[Upright(NOW + timedelta(days=4), "order by")], limit_name="limit", middle_name="$2.9k"
    )
    words = " ".join(each["text"] for each in figure["layout"]["annotations"])
    for each in ("now", "order by", "refills", "limit", "$2.9k"):
        assert each in words
    assert figure["layout"]["showlegend"] is False
    assert figure["layout"]["yaxis"]["range"][0] == 0, "a flow begins at zero"


def test_one_wild_future_does_not_flatten_what_is_likely() -> None:
    ahead = [(NOW, 10.0, 10.0, 10.0), (NOW + timedelta(days=9), 11.0, 12.0, 9000.0)]
    figure = fan_chart(Fan([(NOW - timedelta(days=1), 10.0), (NOW, 10.0)], ahead, "usd", 20.0), NOW, BERLIN, LIGHT)
    assert figure["layout"]["yaxis"]["range"][1] < 100


def test_a_series_is_drawn_at_the_middle_of_its_days() -> None:
    first = midnight(NOW.astimezone(BERLIN).date(), BERLIN)
    points = [{"about_at": first, "about_to": first + timedelta(days=1), "p10": 1.0, "p50": 2.0, "p90": 3.0}]
    fan = series_fan([(first - timedelta(hours=12), 2.5)], points, "usd", flow=True)
    assert list(fan.ahead) == [(first + timedelta(hours=12), 1.0, 2.0, 3.0)]
    assert fan.amount is None


PACK = """
    ai: {kind: cost, unit: usd, where: {model: [m-1, m-2]}}
    servers: {kind: infrastructure_cost, unit: usd}
    share: {kind: ratio, part: ai, whole: servers, unit: percent}
    memory: {kind: gauge, series: memory_bytes, component: web, unit: bytes}
"""


@pytest.mark.parametrize(
    ("meter", "what", "href"),
    [
        ("ai", "the calls", "/cost/rows?platform=shop&model=m-1&model=m-2&kind=ai"),
        ("servers", "the items", "/cost/rows?platform=shop&kind=infrastructure"),
        ("share", "the calls", "/cost/rows?platform=shop&model=m-1&model=m-2&kind=ai"),
        ("memory", "the readings", "/platforms/shop/live?component=web"),
        ("none", "", ""),
    ],
)
def test_a_point_leads_to_the_rows_that_its_meter_counts(meter: str, what: str, href: str) -> None:
    meters = TypeAdapter(dict[str, Meter]).validate_python(yaml.safe_load(PACK))
    pack = cast(Pack, SimpleNamespace(slug="shop", meters=meters))
    found = behind_meter(pack, meter, parse("/capacity", "?range=7d&fan=shop.x&state=ok"))
    assert (found.what, found.href) == (what, href)


def test_a_day_that_was_leads_to_that_day_and_one_to_come_to_the_table() -> None:
    own = limit(Window(Period.MONTH, BERLIN))
    meters = TypeAdapter(dict[str, Meter]).validate_python({own.meter_id: {"kind": "cost", "unit": "usd"}})
    pack = cast(Pack, SimpleNamespace(slug=own.platform, meters=meters))
    ends = midnight(datetime(2026, 11, 19).date(), BERLIN)
    past = [(ends, 10.0), (ends + timedelta(days=1, hours=12), 12.0)]
    figure = fan_chart(Fan(past, [(NOW, 1.0, 2.0, 3.0)], "usd", 20.0), NOW, BERLIN, LIGHT)
    leads_to_rows(figure, row(own, 12.0), past, pack, parse("/capacity", ""), NOW)
    meta = figure["layout"]["meta"]
    day_before = ends - timedelta(days=1)
    assert meta["starts"][stamp(ends)] == stamp(day_before), "a sum at a day's end is of that day"
    assert meta["ends"][stamp(ends)] == stamp(ends)
    assert meta["ends"][stamp(past[1][0])] == stamp(NOW), "today ends now"
    assert meta["last"] == stamp(NOW)
