"""What the records say: determinism, commit order, quotas, and the figures the shape is made to give."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest

from collectors.standin.standin import StandIn
from roomleft.packs_standin import STREAMS, StandinShape
from tests.collectors.standin.conftest import ORIGIN, FixedClock, Make, instant, read, read_bytes

USD_PER_TOKEN = {"flash": Decimal("0.000002"), "flash-lite": Decimal("0.000001"), "paid": Decimal("0.000003")}
USD_PER_IMAGE = Decimal("0.039")


@pytest.fixture(scope="module")
def season(shape: StandinShape) -> StandIn:
    return StandIn(shape, 7, ORIGIN, 90, FixedClock(ORIGIN))


@pytest.fixture(scope="module")
def calls(season: StandIn) -> list[dict]:
    return read(season, "usage")


def usd(call: dict) -> Decimal:
    if call["images"]:
        return call["images"] * USD_PER_IMAGE if call["provider"] == "gemini" else Decimal(0)
    return (call["input_tokens"] + call["output_tokens"]) * USD_PER_TOKEN.get(call["model"], Decimal(0))


@pytest.mark.parametrize("stream", STREAMS)
def test_the_same_seed_gives_the_same_bytes_whatever_was_read_before(make: Make, stream):
    one, two = make(), make()
    for other in STREAMS:
        two.page(other, None, 3)
    assert read_bytes(one, stream) == read_bytes(two, stream, 313)


@pytest.mark.parametrize("stream", ["usage", "samples", "health-history"])
def test_another_seed_gives_other_records(make: Make, stream):
    assert read_bytes(make(), stream) != read_bytes(make(seed=8), stream)


def test_nothing_is_served_before_it_is_committed(make: Make):
    platform = make()
    now = platform.clock.now()
    ends = [instant(c["occurred_at"]) + timedelta(milliseconds=c["latency_ms"]) for c in read(platform, "usage")]
    assert max(ends) <= now
    assert now - max(ends) < timedelta(minutes=10)
    assert max(instant(s["observed_at"]) for s in read(platform, "samples")) < now


def test_ids_are_unique(calls):
    assert len({c["id"] for c in calls}) == len(calls)


def test_some_records_come_minutes_to_two_days_late(calls):
    """In commit order, a straggler is older than records before it by more than a call can last."""
    newest, late = instant(calls[0]["occurred_at"]), []
    for call in calls:
        at = instant(call["occurred_at"])
        if newest - at > timedelta(minutes=3):
            late.append(newest - at)
        newest = max(newest, at)
    assert 0.002 < len(late) / len(calls) < 0.004
    assert timedelta(hours=36) < max(late) < timedelta(hours=48, minutes=5)
    assert min(late) < timedelta(minutes=10)


def test_the_season_is_as_large_as_it_should_be(calls):
    assert 250_000 <= len(calls) <= 300_000
    assert 2_400 <= len({c["user_id"] for c in calls}) <= 2_600


def test_ai_cost_of_a_user_and_the_free_share_of_images(calls):
    month = [c for c in calls if instant(c["occurred_at"]) >= ORIGIN - timedelta(days=30)]
    cost = sum(map(usd, month), Decimal(0)) / len({c["user_id"] for c in month})
    assert Decimal("1.20") < cost < Decimal("1.60")
    images = Counter()
    for call in calls:
        images[call["provider"]] += call["images"]
    assert 0.88 < images["openrouter"] / images.total() < 0.92
    assert 0.0005 < sum(c["status"] != "ok" for c in calls) / len(calls) < 0.004


def test_the_busiest_user_comes_near_the_free_quota_and_not_over_it(calls):
    used = Counter()
    for call in calls:
        if call["model"] == "image-free":
            used[call["user_id"], call["occurred_at"][:10]] += call["images"]
    top = [n for _, n in used.most_common(10)]
    assert 700 <= top[-1] <= top[0] < 1000


def test_a_failed_free_image_uses_no_quota_and_falls_back(calls):
    by_id = {c["id"]: c for c in calls}
    failed = [c for c in calls if c["model"] == "image-free" and c["status"] != "ok"]
    answered = [by_id[c["id"] + "f"] for c in failed if c["id"] + "f" in by_id]
    assert all(c["images"] == 0 and "response_id" not in c for c in failed)
    assert len(answered) >= len(failed) - 5  # the newest may still be on their way
    assert {c["model"] for c in answered} == {"flash-image"}
    assert all(instant(a["occurred_at"]) > instant(by_id[a["id"][:-1]]["occurred_at"]) for a in answered)


def test_the_routing_policy_holds(calls):
    for call in calls:
        light = call["complexity"] < 0.3 and call["urgency"] == "low" and call["request_type"] != "image"
        if call["model"] == "flash-lite":
            assert light
        if light:
            assert call["model"] == "flash-lite" or (call["model"] == "paid" and call["id"].endswith("f"))
    flash = [c for c in calls if c["model"] == "flash" and c["status"] == "ok"]
    assert 0.1 < sum(c["cache_read_tokens"] for c in flash) / sum(c["input_tokens"] for c in flash) < 0.4
    assert all(c["cache_read_tokens"] <= c["input_tokens"] for c in calls)


def test_a_quota_that_runs_out_sends_the_rest_to_the_paid_model(shape: StandinShape):
    document = shape.model_dump(mode="json")
    for route in document["usage"]["routing"]:
        if route["quota_images_per_day"]:
            route["quota_images_per_day"] = 100
    tight = StandinShape.model_validate(document)
    calls = read(StandIn(tight, 7, ORIGIN, 2, FixedClock(ORIGIN)), "usage")
    free: dict[tuple[str, str], int] = defaultdict(int)
    order = sorted((c for c in calls if c["model"] == "image-free"), key=lambda c: c["occurred_at"])
    for call in order:
        key = call["user_id"], call["occurred_at"][:10]
        assert free[key] < 100  # there was quota left when it was asked
        free[key] += call["images"]
    assert sum(n >= 100 for n in free.values()) >= 4


def test_the_launch_steps_up_and_settles_higher(calls):
    daily = Counter(c["occurred_at"][:10] for c in calls)
    launch = (ORIGIN - timedelta(days=30.4)).date()

    def week(first: date) -> int:
        return sum(daily[str(first + timedelta(days=d))] for d in range(7))

    before, at, after = (week(launch + timedelta(days=d)) for d in (-7, 1, 21))
    assert at > 1.25 * before
    assert 1.1 * before < after < at


def test_business_days_are_the_users_counted_from_usage(season: StandIn, calls):
    active = defaultdict(set)
    for call in calls:
        active[call["occurred_at"][:10], call["tier"]].add(call["user_id"])
    days = season.business(date(2026, 8, 1), date(2026, 11, 21))["records"]
    assert {(d["day"], d["tier"]): d["active_users"] for d in days if d["active_users"]} == {k: len(v) for k, v in active.items()}
    assert all(d["new_users"] + d["returning_users"] == d["active_users"] for d in days)
    assert sum(d["new_users"] for d in days) > 300
    assert sum(d["converted_users"] for d in days) > 30


def test_a_new_user_is_new_once_and_was_not_there_before(season: StandIn, calls):
    first_seen: dict[str, str] = {}
    for call in calls:
        day = call["occurred_at"][:10]
        first_seen[call["user_id"]] = min(first_seen.get(call["user_id"], day), day)
    new = Counter()
    for row in season.business(date(2026, 9, 1), date(2026, 11, 17))["records"]:
        new[row["day"]] += row["new_users"]
    appeared = Counter(first_seen.values())
    assert all(appeared[day] >= count for day, count in new.items())


def test_a_business_day_is_restated_when_late_calls_come(shape: StandinShape):
    document = shape.model_dump(mode="json")
    document["usage"]["lateness"]["share"] = 0.3
    platform = StandIn(StandinShape.model_validate(document), 7, ORIGIN, 3, FixedClock(ORIGIN))
    day = ORIGIN.date() - timedelta(days=2)
    counts = []
    for later in (timedelta(hours=20), timedelta(days=1, minutes=1), timedelta(days=2), timedelta(days=5)):
        platform.clock.at = ORIGIN.replace(hour=0, minute=0) - timedelta(days=2) + later
        told = sum(r["active_users"] for r in platform.business(day, day + timedelta(days=1))["records"])
        seen = {(c["user_id"], c["tier"]) for c in read(platform, "usage") if c["occurred_at"][:10] == str(day)}
        assert told == len(seen)
        counts.append(told)
    assert counts[0] < counts[1] < counts[2] <= counts[3]


def test_business_days_asked_for_again_and_again_are_those_of_a_platform_that_was_never_asked(make: Make):
    asked, fault = make(), next(name for name, f in make().shape.faults.items() if any(e.usage for e in f.effects))
    days, told = (ORIGIN.date() - timedelta(days=3), ORIGIN.date() + timedelta(days=4)), []
    switched: list[tuple[bool, int]] = []
    for hours, on in ((0, None), (1, True), (3, None), (20, False), (21, None), (60, None)):
        asked.clock.at = ORIGIN + timedelta(hours=hours)
        if on is not None:
            switched.append((on, asked.now_us()))
            asked.faults.switch(fault, *switched[-1])
        fresh = make(at=asked.clock.at)
        for change in switched:
            fresh.faults.switch(fault, *change)
        told.append(asked.business(*days))
        assert told[-1] == fresh.business(*days)
        assert asked.business(*days) == told[-1]
    assert len({str(each) for each in told}) == len(told), "at each asking there was something new"


@pytest.mark.parametrize(("quantity", "median"), [("characters", 320), ("audio_seconds", 12.5)])
def test_voice_requests_carry_their_quantity_and_no_tokens_and_change_no_other_call(shape: StandinShape, quantity, median):
    document = shape.model_dump(mode="json")
    document["usage"]["request_types"][0] |= {"input_tokens": None, "output_tokens": None, "makes_images": False}
    document["usage"]["request_types"][0][quantity] = {"median": median, "sigma": 0.4}
    voiced = StandIn(StandinShape.model_validate(document), 7, ORIGIN, 3, FixedClock(ORIGIN))
    kind = document["usage"]["request_types"][0]["name"]
    plain = {c["id"]: c for c in read(StandIn(shape, 7, ORIGIN, 3, FixedClock(ORIGIN)), "usage")}
    spoken = [c for c in read(voiced, "usage") if c["request_type"] == kind]
    others = [c for c in read(voiced, "usage") if c["request_type"] != kind]
    answered = sorted(c[quantity] for c in spoken if c["status"] == "ok")
    assert median * 0.9 < answered[len(answered) // 2] < median * 1.1
    assert {c[quantity] for c in spoken if c["status"] != "ok"} <= {0}
    assert {(c["input_tokens"], c["output_tokens"], c["images"]) for c in spoken} == {(0, 0, 0)}
    assert {c.pop(quantity) for c in others} == {0}
    assert all(c == plain[c["id"]] for c in others)
