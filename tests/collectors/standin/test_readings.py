"""Samples, health and deploys: cadence, counters, the /metrics page and the checks over the same readings."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from collectors.standin.standin import StandIn
from roomleft.packs_standin import StandinShape
from tests.collectors.standin.conftest import ORIGIN, FixedClock, Make, instant, read


@pytest.fixture(scope="module")
def season(shape: StandinShape) -> StandIn:
    return StandIn(shape, 7, ORIGIN, 90, FixedClock(ORIGIN))


@pytest.fixture(scope="module")
def samples(season: StandIn) -> list[dict]:
    return read(season, "samples")


def of(samples: list[dict], name: str) -> list[tuple]:
    return sorted((instant(s["observed_at"]), s["value"]) for s in samples if s["name"] == name)


def test_counters_only_grow_but_for_the_declared_restart(shape: StandinShape, samples):
    by_series = defaultdict(list)
    for s in samples:
        if s["name"].endswith("_total"):
            by_series[s["name"], s["component"]].append((instant(s["observed_at"]), s["value"]))
    (restart,) = [k for k in shape.deploys.known if k.resets_counters]
    restarted_at = ORIGIN - timedelta(days=restart.days_ago)
    assert len(by_series) == sum(s.kind == "counter" for s in shape.series)
    for (_, component), points in by_series.items():
        points.sort()
        falls = [b[0] for a, b in itertools.pairwise(points) if b[1] < a[1]]
        assert len(falls) == (component == restart.component)
        assert all(timedelta(0) <= at - restarted_at <= timedelta(hours=1) for at in falls)


def test_history_is_hourly_then_five_minutes_then_fifteen_seconds(samples):
    at = [t for t, _ in of(samples, "query_time_ms")]
    gaps = {b - a: a for a, b in itertools.pairwise(at)}
    assert set(gaps) == {timedelta(hours=1), timedelta(minutes=5), timedelta(seconds=15)}
    assert timedelta(days=14) <= ORIGIN - at[[b - a for a, b in itertools.pairwise(at)].index(timedelta(minutes=5))]
    assert sum(t >= ORIGIN - timedelta(hours=1) for t in at) == 240


def test_how_dense_a_record_is_does_not_depend_on_when_it_is_read(make: Make):
    platform = make(days=1)
    before = read(platform, "samples")
    platform.clock.at += timedelta(hours=5)
    assert read(platform, "samples")[: len(before)] == before


def test_most_targets_are_met_and_growth_shows(samples):
    recent = ORIGIN - timedelta(days=7)

    def mean(name: str) -> float:
        values = [v for t, v in of(samples, name) if t >= recent]
        return sum(values) / len(values)

    assert 35 < mean("query_time_ms") < 42
    assert 0.90 < mean("cache_hit_ratio") < 0.95
    assert 0.70 < mean("cpu_use_ratio") < 0.78
    assert 60 < mean("frame_rate_fps") < 62
    assert 70_000 < max(v for _, v in of(samples, "concurrent_users")) < 80_000
    content = of(samples, "content_stored_bytes")
    assert content[-1][1] == pytest.approx(0.78e12, rel=0.01)
    assert (content[-1][1] / content[0][1]) ** (1 / 90.5) == pytest.approx(1.006, abs=2e-4)


def test_one_in_thirty_api_requests_is_slow(samples):
    slow, total = of(samples, "api_requests_over_100ms_total"), of(samples, "api_requests_total")
    recent = [i for i, (t, _) in enumerate(total) if t >= ORIGIN - timedelta(days=7)]
    first, last = recent[0], recent[-1]
    assert (slow[last][1] - slow[first][1]) / (total[last][1] - total[first][1]) == pytest.approx(0.035, abs=0.002)


def test_the_metrics_page_is_the_newest_sample_of_every_series(make: Make):
    platform = make(days=1)
    platform.clock.at += timedelta(seconds=30)
    newest = {}
    for s in sorted(read(platform, "samples"), key=lambda s: s["observed_at"]):
        newest[s["name"], tuple(sorted({"component": s["component"], **s["labels"]}.items()))] = s["value"]
    page = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(platform.metrics())
        for sample in family.samples
    }
    assert page == pytest.approx(newest)


def test_past_incidents_show_in_health_and_last_as_long_as_the_shape_says(shape: StandinShape, season: StandIn):
    failed = defaultdict(set)
    for check in read(season, "health-history"):
        if check["status"] == "fail":
            failed[check["component"]].add(instant(check["observed_at"]))
    for incident in shape.incidents:
        begin = ORIGIN - timedelta(days=incident.days_ago)
        component = next(e.health.component for e in shape.faults[incident.fault].effects if e.health)
        inside = [t for t in failed[component] if begin - timedelta(minutes=1) <= t < begin + timedelta(minutes=incident.minutes)]
        assert max(inside) - min(inside) >= timedelta(minutes=incident.minutes - 2), incident.fault
    assert all(c for c in failed.values())


def test_health_agrees_with_the_newest_checks(make: Make):
    platform = make(days=1)
    body, fails = platform.health()
    assert (body["status"], fails) == ("pass", False)
    assert {key.split(":")[0] for key in body["checks"]} == {c.component for c in platform.shape.checks}
    platform.faults.switch("pool_exhaustion", True, platform.now_us())
    body, fails = platform.health()
    assert (body["status"], fails) == ("fail", True)
    assert body["checks"]["database:pool_use"][0]["output"] in body["output"]


def test_deploys_are_weekly_with_one_launch_and_one_rollback(season: StandIn):
    deploys = read(season, "deploys")
    assert Counter(d["kind"] for d in deploys) == {"deploy": 13, "launch": 1, "rollback": 1}
    assert len({d["id"] for d in deploys}) == 15
    season.clock.at += timedelta(days=7)
    assert len(read(season, "deploys")) == 16
    season.clock.at -= timedelta(days=7)
