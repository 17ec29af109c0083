"""Every named fault does what it says from the moment it is switched on, stops when it is off, and leaves the past alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import orjson
import pytest

from collectors.standin.feed import CursorUnknown
from collectors.standin.standin import StandIn
from roomleft.errors import InputError
from roomleft.packs_standin import STREAMS, StandinShape
from roomleft.settings import ROOT
from tests.collectors.standin.conftest import Make, instant, read, read_bytes

HOUR = timedelta(hours=1)
CALM = "slow_health"  # a fault that changes no record


def switch(platform: StandIn, name: str, on: bool) -> None:
    platform.faults.switch(name, on, platform.now_us())


def during(platform: StandIn, name: str, *streams: str, span: timedelta = HOUR) -> dict[str, list[dict]]:
    """Records of the streams that are committed while a fault is on for `span`."""
    since = {stream: end(platform, stream) for stream in streams}
    switch(platform, name, True)
    platform.clock.at += span
    found = {stream: [orjson.loads(r) for r in read_bytes(platform, stream, after=since[stream])] for stream in streams}
    switch(platform, name, False)
    return found


def end(platform: StandIn, stream: str) -> str | None:
    after = None
    while (page := platform.page(stream, after, 10_000)).records:
        after = page.next
    return after


def mean(records: list[dict], name: str, **labels: str) -> float:
    values = [r["value"] for r in records if r["name"] == name and labels.items() <= r["labels"].items()]
    return sum(values) / len(values)


def growth(records: list[dict], name: str) -> float:
    values = [r["value"] for r in sorted(records, key=lambda r: r["observed_at"]) if r["name"] == name]
    return values[-1] - values[0]


def share(calls: list[dict], **wanted: str) -> float:
    return sum(wanted.items() <= c.items() for c in calls) / len(calls)


def tokens(calls: list[dict]) -> float:
    ok = [c for c in calls if c["status"] == "ok" and c["output_tokens"]]
    return sum(c["input_tokens"] + c["output_tokens"] for c in ok) / len(ok)


def latency(calls: list[dict]) -> float:
    return sorted(c["latency_ms"] for c in calls)[len(calls) // 2]


Look = Callable[[dict[str, list[dict]]], float]
CHANGES: dict[str, tuple[Look, float, float]] = {
    "provider_outage": (lambda d: share([c for c in d["usage"] if c["provider"] == "gemini"], status="error"), 0.9, 1.0),
    "latency_x5": (lambda d: latency(d["usage"]), 3500, 9000),
    "cost_spiral": (lambda d: tokens(d["usage"]), 80_000, 200_000),
    "usage_surge": (lambda d: len(d["usage"]), 400, 900),
    "replica_lag": (lambda d: mean(d["samples"], "replication_lag_ms", replica="r3"), 28_000, 40_000),
    "cache_cold": (lambda d: mean(d["samples"], "cache_hit_ratio", layer="redis"), 0.3, 0.5),
    "pool_exhaustion": (lambda d: mean(d["samples"], "pool_connections_used"), 199, 201),
    "bad_release": (
        lambda d: growth(d["samples"], "api_errors_total") / growth(d["samples"], "api_requests_total"),
        0.035,
        0.055,
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_fault_changes_what_it_names_while_it_is_on(make: Make, name: str):
    look, low, high = CHANGES[name]
    stream = "usage" if name in ("provider_outage", "latency_x5", "cost_spiral", "usage_surge") else "samples"
    platform = make(days=1)
    assert not low <= look(during(platform, CALM, stream)) <= high
    assert low <= look(during(platform, name, stream)) <= high
    assert not low <= look(during(platform, CALM, stream)) <= high


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("name", ["provider_outage", "usage_surge", "pool_exhaustion", "samples_gap", "clock_skew"])
def test_what_was_served_before_a_fault_never_changes(make: Make, name: str, stream: str):
    platform = make(days=1)
    before = read_bytes(platform, stream)
    switch(platform, name, True)
    assert read_bytes(platform, stream) == before
    platform.clock.at += HOUR
    with_fault = read_bytes(platform, stream)
    assert with_fault[: len(before)] == before
    switch(platform, name, False)
    assert read_bytes(platform, stream) == with_fault
    platform.clock.at += HOUR
    assert read_bytes(platform, stream)[: len(with_fault)] == with_fault


def test_every_call_without_the_fault_is_the_same_under_a_surge(make: Make):
    """A surge adds calls; those that would have come anyway come unchanged, but for what the quota then leaves them."""
    calm, busy = make(days=1), make(days=1)
    switch(busy, "usage_surge", True)
    for platform in (calm, busy):
        platform.clock.at += HOUR
    usual = {c["id"]: c for c in read(calm, "usage")}
    surged = {c["id"]: c for c in read(busy, "usage")}
    assert len(surged) > len(usual) + 300
    assert all(surged[i] == c for i, c in usual.items() if c["request_type"] != "image")


def test_counters_stay_monotone_through_faults(make: Make):
    platform = make(days=1)
    for name in ("usage_surge", "pool_exhaustion", "usage_surge"):
        switch(platform, name, True)
        platform.clock.at += timedelta(minutes=7)
        switch(platform, name, False)
    switch(platform, "bad_release", True)
    platform.clock.at += timedelta(minutes=20)
    by_series: dict[str, list[tuple[str, float]]] = {}
    for s in read(platform, "samples"):
        if s["name"].endswith("_total"):
            by_series.setdefault(s["name"], []).append((s["observed_at"], s["value"]))
    assert all(a[1] <= b[1] for v in by_series.values() for a, b in zip(sorted(v), sorted(v)[1:], strict=False))


def test_a_gap_stops_samples_and_nothing_else(make: Make):
    platform = make(days=1)
    found = during(platform, "samples_gap", *STREAMS)
    now = platform.clock.now()
    assert not [s for s in found["samples"] if instant(s["observed_at"]) >= now - HOUR]
    assert found["usage"]
    assert found["health-history"]
    assert len(during(platform, CALM, "samples")["samples"]) > 10_000


def test_garbage_readings_are_the_words_of_the_contract(make: Make):
    found = during(make(days=1), "metrics_garbage", "samples", "health-history")
    values = {s["name"]: s["value"] for s in found["samples"] if s["name"] in ("query_time_ms", "page_load_p95_ms")}
    assert values == {"query_time_ms": "NaN", "page_load_p95_ms": "+Inf"}
    assert "NaN" in {c["value"] for c in found["health-history"] if c["check"] == "query_time"}


def test_a_skewed_clock_writes_times_ahead_of_the_truth(make: Make):
    platform = make(days=1)
    found = during(platform, "clock_skew", "samples", "usage")
    ahead = max(instant(s["observed_at"]) for s in found["samples"]) - platform.clock.now()
    assert timedelta(minutes=24) < ahead <= timedelta(minutes=25)
    assert any(instant(c["occurred_at"]) > platform.clock.now() for c in found["usage"])


def test_a_cursor_change_forgets_cursors_handed_out_before(make: Make):
    platform = make(days=1)
    old = platform.page("usage", None, 10).next
    switch(platform, "cursor_change", True)
    with pytest.raises(CursorUnknown):
        platform.page("usage", old, 10)
    new = platform.page("usage", None, 10).next
    switch(platform, "cursor_change", False)
    assert platform.page("usage", new, 10).records
    switch(platform, "cursor_change", True)
    with pytest.raises(CursorUnknown):
        platform.page("usage", new, 10)


def test_duplicate_pages_repeat_records_and_lose_none(make: Make):
    platform = make(days=1)
    expected = read_bytes(platform, "usage")
    switch(platform, "duplicate_pages", True)
    got = read_bytes(platform, "usage", 400)
    assert len(got) > len(expected)
    assert list(dict.fromkeys(got)) == expected


def test_switching_twice_is_switching_once_and_unknown_names_are_refused(make: Make):
    platform = make(days=1)
    for on in (True, True, False, False):
        switch(platform, "replica_lag", on)
        assert platform.faults.is_on("replica_lag", platform.now_us()) is on
        platform.clock.at += timedelta(minutes=1)
    (window,) = platform.faults.windows()
    assert window.to_us - window.from_us == 120_000_000
    with pytest.raises(InputError, match="replica_lag"):
        switch(platform, "nonsense", True)


def test_every_fault_of_the_shape_is_tried_here_or_over_http_or_fires_a_rule(shape: StandinShape):
    here = {*CHANGES, "samples_gap", "metrics_garbage", "clock_skew", "cursor_change", "duplicate_pages"}
    over_http = {"slow_health", "rate_limited", "broken", "hang", "garbage"}
    assert here | over_http <= set(shape.faults)
    # What a rule names is tried by tests/packs/test_rules_fire.py: the rule must fire under it and resolve after it.
    named = set(re.findall(r"fault: (\w+)", (ROOT / "packs" / "scribe.rules.yaml").read_text(encoding="utf-8")))
    assert here | over_http | named == set(shape.faults) | named
