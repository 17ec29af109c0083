"""OpenSLO objects that measure something here become SLOs in force; the others say why not."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from roomleft.errors import PackError
from roomleft.openslo import check_openslo
from roomleft.openslo_slos import read_slos, with_questions
from roomleft.packs_meters import GaugeMeter, PromqlMeter
from roomleft.packs_yaml import PackFaults
from roomleft.slo_windows import AlignedWindow, Shorthand
from roomleft.slos import Asked, Counted, Events, Method, Minutes, Readings, Slo, category_of, slos_of
from tests.analytics.slo_world import shop

DAY = timedelta(days=1)
HEAD = """
apiVersion: openslo/v1
kind: SLO
metadata: {{name: {name}, labels: {{owner: web, component: api}}}}
spec:
  service: {service}
  indicator:
    metadata: {{name: i}}
    spec:
      {metric}
  timeWindow: [{window}]
  budgetingMethod: {method}
  objectives: [{objective}]
"""
COUNTED = "ratioMetric: {counter: true, bad: {metricSource: {type: roomleft, spec: {meter: failed}}}, total: {metricSource: {type: roomleft, spec: {meter: asked}}}}"
GAUGE = "thresholdMetric: {metricSource: {type: roomleft, spec: {meter: latency}}}"
PROMQL = (
    "ratioMetric: {{counter: {counter}, good: {{metricSource: {{type: Prometheus, metricSourceRef: {ref}, spec: {{query: good}}}}}},"
    " total: {{metricSource: {{metricSourceRef: {ref}, spec: {{query: all}}}}}}}}"
)


def text(**given: str) -> str:
    values = {
        "name": "Web errors", "service": "shop", "metric": COUNTED, "window": "{duration: 30d, isRolling: true}", "method": "Occurrences",
        "objective": "{target: 0.999}",
    }  # fmt: skip
    return HEAD.format(**{**values, **given})


def read(folder: Path, *texts: str, beside: bool = False) -> dict[str, Slo]:
    packs = {"shop": shop(folder)}
    own = folder / "rules"
    own.mkdir(exist_ok=True)
    path = folder / "shop.slo.yaml" if beside else own / "a.slo.yaml"
    path.write_text("---".join(texts), encoding="utf-8")
    found = slos_of(packs, own)
    return {slo_id: slo for slo_id, slo in found.items() if not slo.limit_id}


def why(folder: Path, one: str) -> str:
    path = folder / "a.slo.yaml"
    path.write_text(one, encoding="utf-8")
    [verdict] = check_openslo([path], {"shop": shop(folder)})
    assert verdict.ok, str(verdict)
    return verdict.words.removeprefix("valid; not evaluable here: ")


def test_a_limit_with_an_objective_is_an_slo(tmp_path: Path) -> None:
    found = slos_of({"shop": shop(tmp_path)})
    assert list(found) == ["shop.errors", "shop.uptime", "shop.calls"]
    errors, uptime = found["shop.errors"], found["shop.uptime"]
    assert (errors.objective, errors.period, errors.component, errors.limit_id) == (
        Decimal("0.999"),
        30 * DAY,
        "api",
        "shop.errors",
    )
    assert isinstance(errors.indicator, Events)
    assert isinstance(uptime.indicator, Minutes)
    assert uptime.budget_s == Decimal(2592)


@pytest.mark.parametrize("beside", [True, False])
def test_counters_of_a_pack_are_measured(tmp_path: Path, beside: bool) -> None:
    slo = read(tmp_path, text(service="shop" if not beside else "something else"), beside=beside)["shop.web_errors"]
    assert (slo.name, slo.title, slo.owner, slo.component) == ("web_errors", "Web errors", "web", "api")
    assert isinstance(slo.indicator, Events)
    assert isinstance(slo.indicator.bad, Counted)
    assert (slo.indicator.bad.meter_id, slo.method, slo.objective) == ("failed", Method.OCCURRENCES, Decimal("0.999"))


def test_several_objectives_are_an_slo_each(tmp_path: Path) -> None:
    found = read(tmp_path, text(objective="{target: 0.999, displayName: Strict}, {targetPercent: 95}"))
    assert {slo_id: slo.objective for slo_id, slo in found.items()} == {
        "shop.web_errors_strict": Decimal("0.999"),
        "shop.web_errors_2": Decimal("0.95"),
    }


def test_readings_are_compared_with_the_objectives_value(tmp_path: Path) -> None:
    slo = read(tmp_path, text(metric=GAUGE, objective="{target: 0.99, op: lt, value: 500}"))["shop.web_errors"]
    assert isinstance(slo.indicator, Readings)
    assert (slo.indicator.op, slo.indicator.value, slo.indicator.source.meter_id) == ("lt", Decimal(500), "latency")


def test_failing_minutes_are_a_raw_ratio(tmp_path: Path) -> None:
    metric = "ratioMetric: {rawType: failure, raw: {metricSource: {type: roomleft, spec: {meter: down}}}}"
    assert isinstance(read(tmp_path, text(metric=metric))["shop.web_errors"].indicator, Minutes)


def test_sql_is_asked_for_what_happened_in_a_window(tmp_path: Path) -> None:
    sql = "SELECT 1 AS value"
    metric = f"ratioMetric: {{bad: {{metricSource: {{type: roomleft, spec: {{sql: {sql}}}}}}}, total: {{metricSource: {{type: roomleft, spec: {{sql: all.sql}}}}}}}}"
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "all.sql").write_text("SELECT 2 AS value", encoding="utf-8")
    indicator = read(tmp_path, text(metric=metric))["shop.web_errors"].indicator
    assert isinstance(indicator, Events)
    assert isinstance(indicator.bad, Asked)
    assert isinstance(indicator.total, Asked)
    assert (indicator.bad.sql, indicator.total.sql) == (sql, "SELECT 2 AS value")


def test_promql_is_asked_of_the_server_that_a_pack_connects(tmp_path: Path) -> None:
    slo = read(tmp_path, text(metric=PROMQL.format(counter="true", ref="metrics")))["shop.web_errors"]
    packs = with_questions({"shop": shop(tmp_path)}, tmp_path / "rules")
    assert isinstance(slo.indicator, Events)
    for source, query in ((slo.indicator.good, "good"), (slo.indicator.total, "all")):
        assert isinstance(source, Counted)
        meter = packs["shop"].meters[source.meter_id]
        assert isinstance(meter, PromqlMeter)
        assert (meter.source, meter.query) == ("metrics", query)
    assert {slo.slo_id for slo in slos_of(packs, tmp_path / "rules").values()} >= {slo.slo_id}


def test_timeslices_keep_their_target_and_length(tmp_path: Path) -> None:
    slo = read(tmp_path, text(method="Timeslices", objective="{target: 0.99, timeSliceTarget: 0.95, timeSliceWindow: 5m}"))[
        "shop.web_errors"
    ]
    assert (slo.method, slo.slice_target, slo.slice_window) == (Method.TIMESLICES, Decimal("0.95"), timedelta(minutes=5))


NOT_HERE = {
    "a type that is not connected": ({"metric": COUNTED.replace("roomleft", "Datadog")}, "of type Datadog, is not connected"),
    "a source that is not connected": ({"metric": PROMQL.format(counter="true", ref="thanos")}, "data source 'thanos' is not connected"),
    "a server that is not named": (
        {"metric": GAUGE.replace("roomleft, spec: {meter: latency}", "Prometheus, spec: {query: a}")}, "does not say which Prometheus server"),
    "neither type nor source": ({"metric": GAUGE.replace("type: roomleft, ", "")}, "names neither a type nor a data source"),
    "a query with a template": (
        {"metric": PROMQL.format(counter="false", ref="metrics").replace("query: good", "query: 'rate(a[{{.window}}])'")}, "has a template"),
    "no value to compare with": ({"metric": GAUGE, "objective": "{target: 0.99, op: lt}"}, "gives no op and value"),
    "a platform that is not here": ({"service": "elsewhere"}, "its service is no platform here"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "words"), NOT_HERE.values(), ids=NOT_HERE)
def test_what_cannot_be_evaluated_here_is_right_and_says_why(tmp_path: Path, given: dict[str, Any], words: str) -> None:
    assert words in why(tmp_path, text(**given))
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.slo.yaml").write_text(text(**given), encoding="utf-8")
    slos, elsewhere = read_slos({"shop": shop(tmp_path)}, tmp_path / "rules")
    assert slos == {}
    assert [words in each.why for each in elsewhere] == [True]


REFUSED = {
    "a meter that there is not": ({"metric": COUNTED.replace("failed", "faild")}, "shop has no meter 'faild'", "did you mean 'failed'?"),
    "a meter that counts nothing": ({"metric": COUNTED.replace("failed", "latency")}, "of kind gauge, which counts no events", ""),
    "a meter without readings": ({"metric": GAUGE.replace("latency", "asked"), "objective": "{target: 0.99, op: lt, value: 1}"}, "its single readings", ""),
    "an objective too low": ({"objective": "{target: 0.9}"}, "a burn rate of 14.4 can never be reached at 90 %", "above 93.06 %"),
    "a key that there is not": ({"metric": GAUGE.replace("meter: latency", "meter: latency, over: 5m")}, "unknown key 'over' of a Roomleft source", ""),
    "a slice as long as the window": (
        {"method": "RatioTimeslices", "objective": "{target: 0.99, timeSliceWindow: 30d}"}, "a slice is as long as the whole window", ""),
}  # fmt: skip


@pytest.mark.parametrize(("given", "words", "hint"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_here_is_refused_at_load_by_file_and_line(
    tmp_path: Path, given: dict[str, Any], words: str, hint: str
) -> None:
    with pytest.raises(PackFaults) as told:
        read(tmp_path, text(**given))
    assert words in told.value.what
    assert hint in told.value.hint
    assert told.value.where.startswith("rules/a.slo.yaml: spec.objectives[0]")
    assert told.value.problems[0].line == 13
    path = tmp_path / "rules" / "a.slo.yaml"
    [verdict] = check_openslo([path], {"shop": shop(tmp_path)})
    assert (verdict.ok, verdict.line) == (False, 13)
    assert words in verdict.words


def test_two_slos_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"there are two SLOs shop\.web_errors"):
        read(tmp_path, text(), text())
    with pytest.raises(PackError, match=r"there are two SLOs shop\.errors"):
        read(tmp_path, text(name="errors"))


NEW_YORK = ZoneInfo("America/New_York")
WINDOWS = {
    "a day of 23 hours": ("1d", "2026-01-01 00:00:00", "2026-03-08T12:00Z", ("2026-03-08T05:00Z", "2026-03-09T04:00Z")),
    "a day of 25 hours": ("1d", "2026-01-01 00:00:00", "2026-11-01T12:00Z", ("2026-11-01T04:00Z", "2026-11-02T05:00Z")),
    "a week over the change": ("1w", "2022-01-01 12:00:00", "2026-03-08T12:00Z", ("2026-03-07T17:00Z", "2026-03-14T16:00Z")),
    "a time that is left out": ("1d", "2026-01-01 02:30:00", "2026-03-08T08:00Z", ("2026-03-08T07:30Z", "2026-03-09T06:30Z")),
    "a month": ("1M", "2026-01-31 00:00:00", "2026-03-05T00:00Z", ("2026-02-28T05:00Z", "2026-03-31T04:00Z")),
    "a quarter": ("1Q", "2026-01-01 00:00:00", "2026-11-20T00:00Z", ("2026-10-01T04:00Z", "2027-01-01T05:00Z")),
    "a year": ("1Y", "2024-02-29 00:00:00", "2026-02-28T12:00Z", ("2026-02-28T05:00Z", "2027-02-28T05:00Z")),
    "hours do not mind the clocks": (
        "6h",
        "2026-03-08 00:00:00",
        "2026-03-08T12:00Z",
        ("2026-03-08T11:00Z", "2026-03-08T17:00Z"),
    ),
    "before it begins": ("1d", "2027-01-01 00:00:00", "2026-11-20T12:00Z", ("2026-11-20T05:00Z", "2026-11-21T05:00Z")),
}


@pytest.mark.parametrize(("length", "starts", "now", "bounds"), WINDOWS.values(), ids=WINDOWS)
def test_calendar_windows_are_counted_on_the_local_calendar(length: str, starts: str, now: str, bounds: tuple[str, str]) -> None:
    shorthand = Shorthand.parse(length)
    assert shorthand is not None
    window = AlignedWindow(shorthand, datetime.fromisoformat(starts), NEW_YORK)
    found = window.bounds(datetime.fromisoformat(now))
    assert found == (datetime.fromisoformat(bounds[0]), datetime.fromisoformat(bounds[1]))


@pytest.mark.parametrize("length", ["5m", "7h", "1d", "3d", "2w", "1M", "5M", "1Q", "1Y"])
def test_windows_follow_one_another_without_a_gap(length: str) -> None:
    shorthand = Shorthand.parse(length)
    assert shorthand is not None
    window = AlignedWindow(shorthand, datetime(2020, 1, 31, 2, 30), NEW_YORK)
    at = datetime.fromisoformat("2026-03-07T00:00Z")
    for _ in range(40):
        start, end = window.bounds(at)
        assert start <= at < end
        assert window.bounds(end)[0] == end
        assert window.bounds(end - timedelta(microseconds=1)) == (start, end)
        at = end


@pytest.mark.parametrize("text", ["", "5", "m", "0m", "-1d", "1.5h", "5 m", "5s", "1y", "1D", "1d2h"])
def test_what_is_no_shorthand_is_none(text: str) -> None:
    assert Shorthand.parse(text) is None


CATEGORIES = {
    "web uptime": "availability",
    "checkout downtime": "availability",
    "login timeouts": "availability",
    "up": "availability",
    "failed sign-ins": "availability",
    "response time": "latency",
    "seconds to the first frame": "latency",
    "support answers": "quality",
    "groups kept": "quality",
}


@pytest.mark.parametrize("words", CATEGORIES)
def test_what_an_slo_is_about_is_told_by_its_words(words: str) -> None:
    source = Counted("shop", "score", GaugeMeter(kind="gauge", unit="ratio", series="score"), counter=False)
    assert category_of(Readings(source, "lt", Decimal(1)), words) == CATEGORIES[words]
