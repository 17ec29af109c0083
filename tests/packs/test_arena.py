"""Every figure of the arena design, transcribed by hand, comes out of the pack; nothing depends on what a fault shows on by accident."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from analytics.figures import figure_rows
from collectors.standin.standin import StandIn
from roomleft.clock import FixedClock
from roomleft.limits import Direction
from roomleft.packs import load_pack
from roomleft.packs_meters import FailingMinutesMeter, GaugeMeter

PACKS = Path(__file__).parent.parent.parent / "packs"
ARENA = load_pack(PACKS / "arena.yaml")
ROWS = {(row.state, row.figure): row for row in figure_rows(ARENA)}
assert ARENA.standin is not None
STANDIN = ARENA.standin

DESIGN = [
    # the parts
    ("today", "Channel orchestrator, fewest pods", "3", "pods"),
    ("today", "Channel orchestrator, most pods", "20", "pods"),
    ("today", "Channel orchestrator, most pods by its limit", "20", "pods"),
    ("today", "World manager, fewest pods", "5", "pods"),
    ("today", "World manager, most pods", "50", "pods"),
    ("today", "World manager, most pods by its limit", "50", "pods"),
    ("today", "GraphQL API, fewest pods", "10", "pods"),
    ("today", "GraphQL API, most pods", "100", "pods"),
    ("today", "GraphQL API, most pods by its limit", "100", "pods"),
    ("today", "Regions", "2", "instances"),
    ("today", "Database replicas", "3", "instances"),
    ("today", "Redis nodes", "6", "instances"),
    ("today", "Convex deployments of the pool", "30", "deployments"),
    # capacity
    ("today", "Bots of a world", "30", "bots"),
    ("today", "Worlds of a deployment", "334", "worlds"),
    ("today", "Deployments of a region", "15", "deployments"),
    ("today", "Worlds of a region", "5010", "worlds"),
    ("goal", "Worlds of the pool", "10020", "worlds"),
    ("goal", "Worlds of the pool by its limit", "10020", "worlds"),
    ("goal", "Bots of the pool", "300600", "bots"),
    ("goal", "Bots of the pool by its limit", "300600", "bots"),
    ("today", "Pool use that calls for a new deployment", "80", "percent"),
    ("today", "Pool use that adds a deployment", "80", "percent"),
    ("today", "Connections of a deployment", "1000", "connections"),
    # monthly cost
    ("goal", "Compute a month", "432", "usd"),
    ("goal", "Database a month", "3000", "usd"),
    ("goal", "Redis a month", "600", "usd"),
    ("goal", "Convex a month", "2970", "usd"),
    ("goal", "Load balancers a month", "400", "usd"),
    ("goal", "CDN a month", "240", "usd"),
    ("goal", "Monitoring a month", "200", "usd"),
    ("goal", "A Convex deployment a month", "99", "usd"),
    ("goal", "The stack a month", "7842", "usd"),
    ("goal", "The monthly budget", "7842", "usd"),
    ("goal", "Cost of a player", "0.7842", "usd_per_user"),
    ("today", "Cost of a player", "78.42", "usd_per_user"),
    ("goal", "Revenue of a paying player", "15", "usd_per_user"),
    ("goal", "Players that must pay", "5.23", "percent"),
    # the alternative stack
    ("goal", "Own game servers a month", "15000", "usd"),
    ("goal", "Own game servers a month, for the whole stack", "15000", "usd"),
    ("goal", "Break-even against Convex alone", "152", "deployments"),
    ("goal", "Break-even against Convex alone, in worlds", "50768", "worlds"),
    ("goal", "Break-even that the design states", "50000", "worlds"),
    ("goal", "Break-even against the whole stack", "103", "deployments"),
    ("goal", "Break-even against the whole stack, in worlds", "34402", "worlds"),
    # scaling triggers
    ("today", "Channels that must be busy to scale up", "70", "percent"),
    ("today", "Busy channels by their threshold", "70", "percent"),
    ("today", "Use of a busy channel", "80", "percent"),
    ("today", "Use that scales down", "30", "percent"),
    ("today", "Use that scales down by its threshold", "30", "percent"),
    ("today", "Time of low use that scales down", "10", "minutes"),
    ("today", "Cooldown", "5", "minutes"),
    # alerts
    ("today", "Deployment down", "1", "minutes"),
    ("today", "Replication lag", "30", "seconds"),
    ("today", "Channel utilization", "90", "percent"),
    ("today", "Failed scalings that warn", "1", "events"),
    # targets, today and goal
    ("today", "Concurrent players", "100", "players"),
    ("goal", "Concurrent players", "10000", "players"),
    ("goal", "Concurrent players of the state", "10000", "players"),
    ("today", "API p99", "500", "ms"),
    ("goal", "API p99", "100", "ms"),
    ("goal", "API p99 on the chart", "100", "ms"),
    ("today", "World join", "5", "seconds"),
    ("goal", "World join", "2", "seconds"),
    ("goal", "World join on the chart", "2", "seconds"),
    ("goal", "Scaling time", "60", "seconds"),
    ("today", "Uptime", "99", "percent"),
    ("today", "Uptime error budget of 30 days", "432", "minutes"),
    ("goal", "Uptime", "99.9", "percent"),
    ("goal", "Uptime error budget of 30 days", "43.2", "minutes"),
    # migration
    ("today", "Traffic after the first step", "25", "percent"),
    ("today", "Traffic after the second step", "75", "percent"),
    ("today", "Traffic after the last step", "100", "percent"),
]


@pytest.mark.parametrize(
    ("state", "figure", "value", "unit"), DESIGN, ids=[f"{state}: {figure}" for state, figure, _, _ in DESIGN]
)
def test_figures_of_the_design_are_reproduced(state: str, figure: str, value: str, unit: str) -> None:
    row = ROWS[(state, figure)]
    assert (row.computed, row.unit, row.error) == (Decimal(value), unit, "")
    assert row.reproduced


def test_the_pack_has_no_other_figures() -> None:
    assert {(state, figure) for state, figure, _, _ in DESIGN} == set(ROWS)


def test_no_figure_repeats_what_it_expects() -> None:
    for figure in ARENA.figures:
        assert any(letter.isalpha() for letter in figure.computed), figure.figure
        assert str(figure.expected) not in figure.computed.replace("[", " ").split(), figure.figure


def test_a_figure_follows_the_pack() -> None:
    items = ARENA.costs.items if ARENA.costs else []
    dearer = [item.model_copy(update={"usd_per_month": Decimal(3003)}) if item.id == "convex" else item for item in items]
    assert ARENA.costs is not None
    changed = ARENA.model_copy(update={"costs": ARENA.costs.model_copy(update={"items": dearer})})
    found = {(row.state, row.figure): row for row in figure_rows(changed)}
    assert found[("goal", "The stack a month")].computed == 7875
    assert not found[("goal", "The stack a month")].reproduced


SIGNALS = ["channel_utilization", "convex_pool_capacity", "api_latency_p99", "bot_sync_success_rate", "concurrent_players"]


@pytest.mark.parametrize("name", SIGNALS)
def test_signals_of_the_design_are_charted(name: str) -> None:
    # The 99th percentile is one of three quantiles of a series, under the design's name as a meter.
    series = {"api_latency_p99": "api_latency_ms"}.get(name, name)
    assert any(signal.series == series and signal.limit for signal in ARENA.signals)
    assert any(getattr(meter, "series", None) == series for meter in ARENA.meters.values())


def test_every_signal_and_meter_is_played() -> None:
    played = {(one.component, one.name): one for one in STANDIN.series}
    for signal in ARENA.signals:
        shape = played[(signal.component, signal.series)]
        labels = [variant.labels for variant in shape.variants] or [{}]
        assert any(signal.labels.items() <= each.items() for each in labels), signal.title
        if signal.by:
            assert all(signal.by in each for each in labels), signal.title
    for name, meter in ARENA.meters.items():
        if series := getattr(meter, "series", None):
            shape = played[(str(getattr(meter, "component", None)), series)]
            wanted = getattr(meter, "labels", {}).items()
            assert any(wanted <= variant.labels.items() for variant in shape.variants) or not wanted, name


def test_the_pool_has_thirty_deployments_in_two_halves() -> None:
    up = next(one for one in STANDIN.series if one.name == "deployment_up")
    names = [variant.labels["deployment"] for variant in up.variants]
    assert len(set(names)) == 30
    assert sum(name.startswith("usw2-") for name in names) == sum(name.startswith("euc1-") for name in names) == 15


def test_every_component_has_a_health_check() -> None:
    assert {check.component for check in STANDIN.checks} == {component.id for component in ARENA.components}


def test_the_migration_is_marked_on_the_charts() -> None:
    known = sorted(STANDIN.deploys.known, key=lambda one: -one.days_ago)
    moves = [(one.kind, one.title.split(" %")[0]) for one in known if one.component == "convex_pool"]
    assert [kind for kind, _ in moves] == ["launch", "rollback", "launch", "launch", "launch"]
    assert [title for kind, title in moves if kind == "launch"] == ["25", "25", "75", "100"]


BREAKS = {
    "concurrent_players": "world_flood",
    "worlds": "world_flood",
    "bots": "world_flood",
    "bots_per_world": "world_overfull",
    "worlds_per_deployment": "world_flood",
    "connections_per_deployment": "world_flood",
    "convex_pool": "world_flood",
    "deployment_down": "deployment_down",
    "replication_lag": "replica_lag",
    "channel_utilization": "channel_squeeze",
    "autoscale_failures": "autoscale_failure",
    "channels_busy": "channel_squeeze",
    "channel_use": "player_exodus",
    "orchestrator_pods": "runaway_scaling",
    "world_manager_pods": "runaway_scaling",
    "api_pods": "runaway_scaling",
    "api_latency_p99": "latency_x5",
    "world_join": "latency_x5",
    "availability": "region_outage",
    "scaling_time": "autoscale_failure",
    "bot_sync": "bot_sync_failure",
    "api_errors": "bad_release",
    "command_queue": "queue_backlog",
    "redis_memory": "redis_memory_full",
    "cache_hits": "cache_cold",
    "ai_budget": "cost_spiral",
    "ai_errors": "provider_outage",
}


def test_every_limit_has_a_fault_that_breaks_it() -> None:
    # Infrastructure is paid by the month, whatever happens.
    assert set(BREAKS) == {spec.id for spec in ARENA.limits} - {"infrastructure_budget"}
    assert set(BREAKS.values()) <= set(STANDIN.faults)


def _series_of(meter: str) -> Iterator[str]:
    spec = ARENA.meters[meter]
    if series := getattr(spec, "series", None):
        yield series
    if getattr(spec, "file", None) == "longest_down_minutes.sql":
        yield "deployment_up"
    for part in ("part", "whole"):
        if named := getattr(spec, part, None):
            yield from _series_of(named)


LEVELS = [spec.id for spec in ARENA.limits if ARENA.meters[spec.meter].kind == "gauge"]


@pytest.mark.parametrize("limit", LEVELS)
def test_the_limit_holds_today_and_breaks_under_its_fault(limit: str) -> None:
    spec = ARENA.limit_spec(limit)
    amount = ARENA.amount_of(spec)
    for fault, broken in ((None, False), (BREAKS[limit], True)):
        reading = _reading(spec.meter, fault)
        assert (reading > amount if spec.direction is Direction.AT_MOST else reading < amount) is broken, (fault, reading)


OTHERS = {name: fault for name, fault in BREAKS.items() if name not in LEVELS}


@pytest.mark.parametrize(("limit", "fault"), OTHERS.items())
def test_the_fault_touches_what_the_limit_counts(limit: str, fault: str) -> None:
    shape = STANDIN.faults[fault]
    series = set(_series_of(ARENA.limit_spec(limit).meter))
    if series:
        assert series & set(shape.series_names())
    elif limit == "availability":
        counted = ARENA.meters["down_minutes"]
        assert isinstance(counted, FailingMinutesMeter)
        failed = {(effect.health.component, effect.health.check) for effect in shape.effects if effect.health}
        assert failed & {(component, check) for component in counted.components for check in counted.checks or ()}
    else:
        assert any(effect.usage for effect in shape.effects)


ORIGIN = datetime(2026, 11, 20, 19, 0, 7, tzinfo=UTC)
WORSE = ("pass", "warn", "fail")
LINE = re.compile(r"(?P<name>[a-z0-9_]+)(?:\{(?P<labels>[^}]*)\})? (?P<value>\S+)")
LABEL = re.compile(r'([a-z_]+)="([^"]*)"')


def _platform(fault: str | None = None) -> StandIn:
    """The stand-in, two minutes after a fault began."""
    clock = FixedClock(ORIGIN)
    platform = StandIn(STANDIN, 7, ORIGIN, 1, clock)
    if fault:
        platform.faults.switch(fault, True, platform.now_us())
        clock.at = ORIGIN + timedelta(minutes=2)
    return platform


def _values(platform: StandIn, series: str, labels: dict[str, str]) -> list[float]:
    found = []
    for line in platform.metrics().splitlines():
        match = LINE.match(line)
        if match and match["name"] == series and labels.items() <= dict(LABEL.findall(match["labels"] or "")).items():
            found.append(float(match["value"]))
    return found


def _reading(meter_id: str, fault: str | None) -> Decimal:
    meter = ARENA.meters[meter_id]
    assert isinstance(meter, GaugeMeter)
    values = _values(_platform(fault), meter.series, meter.labels)
    across = {"sum": sum(values), "max": max(values), "min": min(values), "mean": sum(values) / len(values)}
    return Decimal(repr(across[meter.across])) * (meter.scale or 1)


def _statuses(fault: str | None) -> dict[str, int]:
    body, _ = _platform(fault).health()
    return {name: WORSE.index(check["status"]) for name, checks in body["checks"].items() for check in checks}


def test_today_nothing_is_wrong() -> None:
    assert set(_statuses(None).values()) == {0}


@pytest.mark.parametrize("fault", sorted(STANDIN.faults))
def test_a_fault_shows_on_its_components_and_on_no_other(fault: str) -> None:
    before, after = _statuses(None), _statuses(fault)
    worse = {name.partition(":")[0] for name, status in after.items() if status > before[name]}
    assert worse == set(STANDIN.faults[fault].shows_on)


TODAY = [
    ("concurrent_players", {}, 60, 160),
    ("api_latency_ms", {"quantile": "0.99"}, 440, 500),
    ("world_join_ms", {}, 4500, 5000),
    ("scaling_time_s", {}, 30, 60),
    ("deployments_running", {}, 30, 30),
    ("deployment_up", {}, 30, 30),
    ("redis_nodes_up", {}, 6, 6),
]


@pytest.mark.parametrize(("series", "labels", "low", "high"), TODAY, ids=[row[0] for row in TODAY])
def test_readings_stand_where_the_design_says_today_is(series: str, labels: dict[str, str], low: float, high: float) -> None:
    assert low <= sum(_values(_platform(), series, labels)) <= high


def test_a_join_is_as_long_as_its_hops() -> None:
    base = {one.name: one.base for one in STANDIN.series}
    way = ARENA.request_paths["world_join"]
    assert way.total is not None
    assert sum(base[hop.series] for hop in way.hops) == base[way.total]
