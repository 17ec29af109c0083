"""The SLOs page and its API, driven without a browser, over counters, checks and incidents worked out by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from alerts.alert import Event, Happened
from alerts.book import Book
from dashboards.api.slos import make_slo_api
from dashboards.parts import Parts
from dashboards.slo_rows import incidents, recoveries, slo_rows
from dashboards.slo_words import verdict
from roomleft.clock import FixedClock
from roomleft.errors import InputError
from roomleft.findings import Severity
from roomleft.limits import Kind, State
from roomleft.slos import slos_of
from tests.analytics.slo_world import DAY, HOUR, MINUTE, checks, counted, opened, shop, write
from tests.dashboards.conftest import Driven, found, texts
from tests.dashboards.sample_rows import NOW, ROLLING, Sample, headroom_row, limit, sample_parts
from tests.fixtures.state import state_url
from warehouse import tables
from warehouse.state import StateDb
from warehouse.writer import Batch

LIST, TOP, OPEN, RECOVERY = "slos-list.children", "slos-top.children", "slos-open.children", "slos-recovery.children"
FILE = """
apiVersion: openslo/v1
kind: SLO
metadata: {name: own, displayName: Answers}
spec:
  service: shop
  indicator:
    metadata: {name: i}
    spec:
      ratioMetric:
        counter: true
        bad: {metricSource: {type: roomleft, spec: {meter: failed}}}
        total: {metricSource: {type: roomleft, spec: {meter: asked}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.95}]
"""


def happened(name: str, severity: Severity, steps: list[tuple[float, Happened]], rule: str = "shop.ApiFails") -> list[Event]:
    return [
        Event(
            NOW - minutes * MINUTE,
            rule,
            "f",
            "shop",
            severity,
            name,
            what,
            "",
            Decimal(1),
            "ratio",
            {"alertname": "ApiFails", "pod": "a"},
        )
        for minutes, what in steps
    ]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    """An hour's outage two hours ago (a tenth of the requests failed), which a release began; and one of ten minutes a day before."""
    folder = tmp_path_factory.mktemp("slos")
    clock = FixedClock(NOW)
    pack = shop(folder)
    (folder / "shop.slo.yaml").write_text(FILE, encoding="utf-8")
    store = opened(clock)
    events = [(NOW - n * MINUTE, 120 <= n < 180 and n % 10 == 0) for n in range(2 * 1440)]
    counted(store, clock, events, NOW - 2 * DAY, NOW, 2 * MINUTE)
    checks(store, clock, [(NOW - n * MINUTE, "fail" if 1500 <= n < 1510 else "pass") for n in range(2 * 1440)])
    deploy = {
        "platform": "shop",
        "deploy_id": "d1",
        "deployed_at": NOW - 190 * MINUTE,
        "component": "api",
        "version": "1.2.3",
        "title": "Release",
        "kind": "deploy",
    }
    write(store, clock, Batch("shop", deploys=pa.Table.from_pylist([deploy], schema=tables.DEPLOYS)))
    uptime = Sample(limit("shop", "uptime", Kind.SLO, "Uptime", "43.2", "minutes", "o", ROLLING), "10", "ok")
    row = headroom_row(uptime, NOW)
    store.run(lambda tx: tx.insert("headroom", pa.Table.from_pylist([row])))
    state = StateDb.open(state_url(folder), clock)
    story = [
        *happened("older", Severity.CRITICAL, [(1508, Happened.PENDING), (1507, Happened.FIRING), (1495, Happened.RESOLVED)]),
        *happened("newer", Severity.CRITICAL, [(175, Happened.PENDING), (174, Happened.FIRING), (114, Happened.RESOLVED)]),
        *happened(
            "minor", Severity.WARNING, [(170, Happened.PENDING), (170, Happened.FIRING), (110, Happened.RESOLVED)], "shop.Other"
        ),
        *happened("lapsed", Severity.CRITICAL, [(60, Happened.PENDING), (59, Happened.LAPSED)]),
        *happened("open", Severity.CRITICAL, [(5, Happened.PENDING), (4, Happened.FIRING)]),
    ]
    Book(state).apply([], sorted(story, key=lambda event: event.at))
    slos = slos_of({"shop": pack})
    yield replace(sample_parts(NOW, clock=clock, filled=False), packs={"shop": pack}, store=store, state=state, slos=lambda: slos)
    state.close()
    store.close()


@pytest.fixture(scope="module")
def driven(parts: Parts) -> Driven:
    return Driven(parts)


def test_rows_are_worst_first_and_a_limits_budget_is_its_headroom(parts: Parts) -> None:
    rows = {row.slo.name: row for row in slo_rows(parts, NOW)}
    assert list(rows) == ["errors", "calls", "uptime", "own"]
    assert [row.state for row in rows.values()] == [State.EXHAUSTED, State.UNKNOWN, State.OK, State.OK]
    errors, own, uptime = rows["errors"].budget, rows["own"].budget, rows["uptime"].budget
    assert (errors.bad, errors.total, errors.left) == (6.0, 2880.0, pytest.approx(1 - 6 / 2.88))
    assert own.left == pytest.approx(1 - 6 / 144)
    assert (uptime.bad, uptime.allowed, uptime.left) == (10.0, 43.2, pytest.approx(headroom_left()))
    assert [round(each.rate(rows["errors"].slo), 2) for each in rows["errors"].burns] == [
        0.0,
        pytest.approx(6 / 0.36, abs=0.01),
        pytest.approx(6 / 2.88, abs=0.01),
    ]
    assert rows["calls"].words == "nothing has been read in this time"


def headroom_left() -> float:
    row = headroom_row(Sample(limit("shop", "uptime", Kind.SLO, "Uptime", "43.2", "minutes", "o", ROLLING), "10", "ok"), NOW)
    return float(row["fraction_left"])


def test_incidents_say_what_they_took_and_which_release_came_before(parts: Parts) -> None:
    rows = {row.slo.name: row for row in slo_rows(parts, NOW)}
    [one] = incidents(parts, rows["errors"], NOW)
    assert (one.episode.episode, one.spent.bad, one.of) == ("newer", 6.0, "pod a")
    assert one.spent.share == pytest.approx(6 / 2.88)
    assert one.deploy is not None
    assert one.deploy["version"] == "1.2.3"
    [older] = incidents(parts, rows["uptime"], NOW)
    assert (older.episode.episode, older.spent.bad, older.deploy) == ("older", 10.0, None)
    assert older.spent.share == pytest.approx(10 / 43.2)


def test_the_time_to_recover_is_of_critical_incidents_that_are_over(parts: Parts) -> None:
    [shops] = recoveries(parts, NOW)
    # Twelve minutes, and an hour.
    assert (shops.incidents, shops.open) == (2, 1)
    assert (shops.median, shops.mean) == (36 * MINUTE, 36 * MINUTE)
    [later] = recoveries(parts, NOW + 30 * DAY - 115 * MINUTE)
    assert (later.incidents, later.open, later.median) == (1, 1, HOUR)


def test_the_page_says_it_all(driven: Driven) -> None:
    assert texts(driven.call(TOP, "/slos")).startswith("1 error budget is used up; of 1 nobody knows.")
    rows = found(driven.call(LIST, "/slos"), className="slo-row")
    assert len(rows) == 5
    said = texts(rows[1])
    assert "Errors" in said
    assert "6 of 3 bad events gone" in said
    assert "−108" in said
    assert "2 critical incidents: median 36\u202fmin, mean 36\u202fmin; 1 open" in texts(driven.call(RECOVERY, "/slos"))
    assert driven.call(OPEN, "/slos") == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_opened_slo_has_its_chart_and_its_incidents(driven: Driven, theme: str) -> None:
    card = driven.call(OPEN, "/slos", "?slo=shop.errors", theme)
    said = texts(card)
    assert "1.2.3" in said
    assert "6 events" in said
    assert [
        link["props"]["href"]
        for link in found(card, className="wrap-cell")[0]["props"]["children"]
        if link and link["type"] == "A"
    ] == ["/alerts/newer"]
    figure = json.dumps(card)
    assert "slo-budget-chart" in figure
    assert '"type": "rect"' in figure
    assert "There is no SLO shop.nothing here" in texts(driven.call(OPEN, "/slos", "?slo=shop.nothing"))


def asked(parts: Parts, name: str, **given: Any) -> Any:
    endpoint = next(route.endpoint for route in make_slo_api(parts).routes if route.name == name)  # type: ignore[attr-defined]
    return json.loads(asyncio.run(endpoint(**given)).body)


def test_the_api_tells_every_slo(parts: Parts) -> None:
    told = asked(parts, "listed")
    errors = told["slos"][0]
    assert (errors["slo_id"], errors["objective"], errors["state"], errors["window"]) == (
        "shop.errors",
        "0.999",
        "exhausted",
        "30 d rolling",
    )
    assert errors["budget_seconds"] == "2592.000"
    assert errors["burn"]["6h"]["bad"] == 6.0
    assert told["slos"][1]["burn"]["1h"] is None
    assert told["recovery"] == [{"platform": "shop", "incidents": 2, "open": 1, "median_seconds": 2160.0, "mean_seconds": 2160.0}]
    assert [row["slo_id"] for row in asked(parts, "listed", platform="shop")["slos"]] == [row["slo_id"] for row in told["slos"]]


def test_the_api_tells_one(parts: Parts) -> None:
    told = asked(parts, "one", slo_id="shop.uptime")
    assert told["slo"]["limit_id"] == "shop.uptime"
    assert told["history"][-1]["left"] == pytest.approx(1 - 10 / 43.2)
    assert [(each["episode"], each["bad"]) for each in told["incidents"]] == [("older", 10.0)]


@pytest.mark.parametrize(("name", "given"), [("listed", {"platform": "shp"}), ("one", {"slo_id": "shop.eror"})])
def test_the_api_refuses_what_there_is_not(parts: Parts, name: str, given: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"unknown platform|there is no") as told:
        asked(parts, name, **given)
    assert "did you mean" in told.value.hint


def test_the_sentence_without_trouble(parts: Parts) -> None:
    rows = [row for row in slo_rows(parts, NOW) if row.state is State.OK]
    assert verdict(rows) == "Every error budget holds: 2 SLOs."
    assert verdict([]) == "No SLO is in force."
    assert verdict([replace(rows[0], state=State.TIGHT)]) == "1 error budget is tight."


def test_a_headroom_row_that_nobody_renews_tells_nothing(parts: Parts) -> None:
    rows = {row.slo.name: row for row in slo_rows(parts, NOW + timedelta(minutes=20))}
    assert (rows["uptime"].state, rows["uptime"].words) == (State.UNKNOWN, "its budget has not been measured lately")
