"""The cost report: splits that add up, peak hours in the pack's zone, trends of whole halves, and savings nobody has to take back."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics.reports.user_cost import Asked, Given, content
from analytics.reports.user_cost_peak import at_peak
from analytics.reports.user_cost_projection import projection
from analytics.reports.user_cost_read import cost_report
from dashboards import report_cost
from dashboards.api.answers import dumps
from dashboards.report_cost import sentence, text
from roomleft.errors import UsersHidden
from roomleft.packs import Pack
from roomleft.packs_parts import PeakHours
from tests.analytics.economics_world import DAY, NOW, TODAY, call, daily, make_pack, world

SINCE = NOW - 30 * DAY
UTC_ZONE = ZoneInfo("UTC")


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return make_pack(tmp_path_factory.mktemp("packs"))


def row(at: datetime, usd: str = "1", **given: Any) -> dict[str, Any]:
    """Calls of one quarter hour, as the query gives them."""
    told = {
        "bucket": at, "in_period": at >= SINCE, "late": at >= SINCE + 15 * DAY, "component": "api", "provider": "p", "model": "m",
        "request_type": "chat", "tier": "paid", "status": "ok", "urgency": "low", "user_id": "u_1", "requests": 1, "tokens": 100,
        "input_uncached_tokens": 80, "cache_read_tokens": 20, "images": 0, "characters": 0, "audio_seconds": Decimal(0),
        "usage_usd": Decimal(usd), "credits_usd": Decimal(0), "unpriced_requests": 0, "unpriced_tokens": 0, "unpriced_images": 0, "last_at": at,
    }  # fmt: skip
    return {**told, **given}


def at(days_ago: int, hour: int = 12) -> datetime:
    return datetime(TODAY.year, TODAY.month, TODAY.day, hour, tzinfo=UTC) - days_ago * DAY


def report(
    pack: Pack, calls: list[dict[str, Any]], *, first_at: datetime = NOW - 90 * DAY, known_from: datetime | None = None
) -> dict[str, Any]:
    seen = {"first_at": first_at, "last_at": NOW, "tier": "paid", "hints": 0, "middle_hint": None}
    return content(Asked(pack, "u_1", SINCE, NOW), Given(calls, seen, NOW, known_from or NOW - 90 * DAY))


def advised(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["advice"]: each for each in told["advice"]}


def test_every_split_adds_up_to_the_total_exactly_and_in_cents(pack: Pack) -> None:
    calls = [
        row(at(n % 30 + 1, n % 24), f"0.{n % 7}33333337", provider=f"p{n % 3}", model=f"m{n % 5}", request_type=f"t{n % 4}")
        for n in range(200)
    ]
    told = report(pack, calls)
    for split in ("by_service", "by_request_type", "by_peak"):
        for name in ("cost_usd", "requests", "tokens", "images"):
            assert sum(group[name] for group in told[split]) == told["total"][name], (split, name)
        assert sum(group["shown_usd"] for group in told[split]) == told["total"]["cost_usd"].quantize(Decimal("0.01"))


def test_calls_before_the_period_count_in_no_total(pack: Pack) -> None:
    told = report(pack, [row(NOW - 35 * DAY, "5"), row(SINCE, "7"), row(at(3), "11")])
    assert (told["total"]["cost_usd"], told["total"]["requests"]) == (Decimal(18), 2)


@pytest.mark.parametrize(
    ("begin", "end", "zone", "instant", "peak"),
    [
        (17, 23, "UTC", "2026-11-20T16:59:59Z", False),
        (17, 23, "UTC", "2026-11-20T17:00:00Z", True),
        (17, 23, "UTC", "2026-11-20T22:59:59Z", True),
        (17, 23, "UTC", "2026-11-20T23:00:00Z", False),
        (17, 23, "America/New_York", "2026-11-20T22:30:00Z", True),
        (17, 23, "America/New_York", "2026-07-20T21:30:00Z", True),
        (17, 23, "America/New_York", "2026-11-20T21:30:00Z", False),
        (17, 24, "UTC", "2026-11-20T23:59:59Z", True),
        (22, 6, "UTC", "2026-11-20T23:00:00Z", True),
        (22, 6, "UTC", "2026-11-20T05:59:00Z", True),
        (22, 6, "UTC", "2026-11-20T06:00:00Z", False),
        (17, 23, "Asia/Kathmandu", "2026-11-20T11:15:00Z", True),
    ],
)
def test_peak_hours_are_of_the_packs_zone(begin: int, end: int, zone: str, instant: str, peak: bool) -> None:
    assert at_peak(datetime.fromisoformat(instant), PeakHours(zone=zone, begin=begin, end=end)) is peak


@pytest.mark.parametrize(
    ("name", "calls", "first_at", "known_from", "words", "change"),
    [
        ("rising", [(20, "10"), (5, "15")], 90, 90, "rising", Decimal("0.5")),
        ("falling", [(20, "10"), (5, "5")], 90, 90, "falling", Decimal("-0.5")),
        ("steady", [(20, "10"), (5, "11")], 90, 90, "steady", Decimal("0.1")),
        ("stopped", [(20, "10")], 90, 90, "falling", Decimal(-1)),
        ("came in the later half", [(5, "10")], 5, 90, "new", None),
        ("came within the earlier half", [(20, "1"), (5, "10")], 20, 90, "unknown", None),
        ("the platform itself is not known for so long", [(20, "1"), (5, "10")], 20, 20, "unknown", None),
        ("nothing before, nothing now", [], 90, 90, "steady", None),
    ],
)  # fmt: skip
def test_the_trend_compares_whole_halves(
    pack: Pack, name: str, calls: list[tuple[int, str]], first_at: int, known_from: int, words: str, change: Decimal | None
) -> None:
    told = report(
        pack, [row(at(ago), usd) for ago, usd in calls], first_at=NOW - first_at * DAY, known_from=NOW - known_from * DAY
    )
    assert (told["trend"]["words"], told["trend"]["change"]) == (words, change), name


def test_the_halves_meet_in_the_middle(pack: Pack) -> None:
    told = report(pack, [row(SINCE + 15 * DAY - timedelta(minutes=15), "3"), row(SINCE + 15 * DAY, "4")])
    assert (told["trend"]["before_usd"], told["trend"]["now_usd"]) == (Decimal(3), Decimal(4))


@pytest.mark.parametrize(("peak", "off", "applies"), [(70, 30, False), (71, 29, True), (100, 0, True), (0, 100, False)])
def test_moving_off_peak_is_advised_above_seventy_per_cent_alone(pack: Pack, peak: int, off: int, applies: bool) -> None:
    told = advised(report(pack, [row(at(2, 18), "50", requests=peak), row(at(2, 3), "50", requests=off)]))
    assert ("off_peak" in told) is applies
    if applies:
        assert told["off_peak"]["saving_usd"] == Decimal("7.50")


def test_urgent_work_cannot_wait_and_silence_is_not_patience(pack: Pack) -> None:
    calls = [row(at(2, 18), "40", urgency="high"), row(at(2, 19), "20", urgency="normal"), row(at(2, 20), "30", urgency=None)]
    assert advised(report(pack, calls))["off_peak"]["saving_usd"] == Decimal("3.00")
    silent = advised(report(pack, [row(at(2, 18), "40", urgency=None)]))["off_peak"]
    assert (silent["saving_usd"], silent["note"]) == (None, "calls do not say how urgent they are")
    assert "off_peak" not in advised(report(pack, [row(at(2, 18), "40", urgency="high")]))


def free(ago: int, images: int, **given: Any) -> dict[str, Any]:
    return row(at(ago, 9), "0", model="free-image", images=images, request_type="image", **given)


def bought(ago: int, images: int, **given: Any) -> dict[str, Any]:
    return row(at(ago, 10), str(Decimal("0.039") * images), model="paid-image", images=images, request_type="image", **given)


@pytest.mark.parametrize(
    ("name", "calls", "count", "saving"),
    [
        ("quota was left", [free(2, 4), bought(2, 3)], 3, "0.117"),
        ("quota was left for some", [free(2, 8), bought(2, 5)], 2, "0.078"),
        ("quota was used up", [free(2, 10), bought(2, 5)], 0, None),
        ("another day's quota does not help", [free(2, 10), bought(2, 5), free(3, 1)], 0, None),
        ("a failed free attempt takes no quota", [free(2, 6, status="error"), free(2, 4), bought(2, 6)], 6, "0.234"),
        ("another user's quota is another's", [free(2, 10, user_id="u_2"), bought(2, 5)], 5, "0.195"),
        ("a failed paid call was not billed", [bought(2, 3, status="error")], 0, None),
        ("cheaper than the design's price", [bought(2, 4, usage_usd=Decimal("0.04"))], 4, "0.04"),
    ],
)  # fmt: skip
def test_free_images_come_first_while_quota_is_left(
    pack: Pack, name: str, calls: list[dict[str, Any]], count: int, saving: str | None
) -> None:
    told = advised(report(pack, calls)).get("free_first")
    assert (told["count"] if told else 0, told["saving_usd"] if told else None) == (count, Decimal(saving) if saving else None), (
        name
    )


def test_free_images_of_the_first_day_count_though_the_period_began_within_it(pack: Pack) -> None:
    """The period begins at nine: ten free images of that morning left none for the image bought at ten."""
    morning = SINCE - timedelta(hours=2)
    told = advised(report(pack, [row(morning, "0", model="free-image", images=10), bought(30, 1)]))
    assert "free_first" not in told


@pytest.mark.parametrize(
    ("name", "calls", "count"),
    [
        ("ten are not more than ten", [row(at(2, hour), request_type="summary") for hour in range(10)], 0),
        ("eleven of a day", [row(at(2, hour), request_type="summary") for hour in range(11)], 11),
        ("one a day has no company", [row(at(ago), request_type="summary") for ago in range(1, 29)], 0),
        ("another type cannot be batched", [row(at(2), requests=50)], 0),
        ("urgent ones cannot wait", [row(at(2), requests=50, request_type="summary", urgency="high")], 0),
        ("failed ones are done again anyhow", [row(at(2), requests=50, request_type="summary", status="error")], 0),
        ("other models are not alike", [row(at(2), request_type="summary", model=f"m{n}") for n in range(20)], 0),
    ],
)
def test_similar_requests_are_worth_batching_when_more_than_ten_are(
    pack: Pack, name: str, calls: list[dict[str, Any]], count: int
) -> None:
    told = advised(report(pack, calls)).get("batch")
    assert (told["count"] if told else 0) == count, name
    if told:
        assert told["saving_usd"] == Decimal("0.001") * count


def test_no_saving_is_above_what_was_billed(pack: Pack) -> None:
    cheap = [row(at(2, hour), "0.0001", request_type="summary") for hour in range(20)]
    assert advised(report(pack, cheap))["batch"]["saving_usd"] == Decimal("0.0020")
    gratis = advised(report(pack, [row(at(2, hour), "0", request_type="summary") for hour in range(20)]))["batch"]
    assert (gratis["saving_usd"], gratis["note"]) == (None, "these calls cost nothing")


def test_the_efficiency_score_is_the_weighted_mean_of_what_applies(pack: Pack) -> None:
    calls = [
        row(at(2, 18), requests=3),
        row(at(2, 3), requests=1),
        free(2, 1),
        bought(2, 3),
        row(at(3, 3), requests=1, status="error"),
    ]
    told = report(pack, calls)["efficiency"]
    parts = {"off_peak": Decimal(4) / 7, "free_images": Decimal(1) / 4, "cached": Decimal("0.2"), "succeeded": Decimal(6) / 7}
    assert told["parts"] == parts
    score = 100 * (
        Decimal("0.3") * parts["off_peak"]
        + Decimal("0.3") * parts["free_images"]
        + Decimal("0.2") * (parts["cached"] + parts["succeeded"])
    )
    assert told["score"] == score.quantize(Decimal("0.1"))
    assert report(pack, [])["efficiency"]["score"] is None
    spoken = report(pack, [row(at(2, 3), urgency=None, cache_read_tokens=0)])["efficiency"]
    assert (spoken["parts"]["off_peak"], spoken["parts"]["cached"], spoken["score"]) == (None, None, Decimal("100.0"))


def test_the_projection_knows_the_shape_of_the_week() -> None:
    """$10 on each working day, nothing at weekends: November's 21 working days, whatever the day it is looked at."""
    for day in range(2, 31):
        now = datetime(2026, 11, day, tzinfo=UTC)
        known = {
            one: Decimal(10)
            for one in (date(2026, 11, 30) - n * DAY for n in range(90))
            if one.weekday() < 5 and one < now.date()
        }
        made = projection(known, date(2026, 9, 1), now, UTC_ZONE)
        assert made.month_usd == Decimal(210)
        assert made.basis_days == 28


def test_of_today_the_part_that_is_left_is_still_to_come() -> None:
    known = {TODAY - n * DAY: Decimal(24) for n in range(1, 29)} | {TODAY: Decimal(9)}
    made = projection(known, TODAY - 60 * DAY, NOW, UTC_ZONE)
    assert made.spent_usd == 20 * 24 + 9
    assert made.rest_usd == Decimal(15) + 9 * 24


def test_a_user_without_a_whole_day_has_no_projection() -> None:
    made = projection({TODAY: Decimal(3)}, TODAY + DAY, NOW, UTC_ZONE)
    assert (made.month_usd, made.reason, made.spent_usd) == (None, "there is no whole day of usage yet", Decimal(3))


def test_a_few_days_are_taken_at_their_mean() -> None:
    made = projection(
        {TODAY - DAY: Decimal(4), TODAY - 2 * DAY: Decimal(8)}, TODAY - 3 * DAY, datetime(2026, 11, 21, tzinfo=UTC), UTC_ZONE
    )
    assert (made.basis_days, made.rest_usd) == (3, 10 * Decimal(12) / 3)


def test_a_report_from_the_warehouse_is_of_that_user_and_that_period_alone(pack: Pack) -> None:
    events = [
        *daily(TODAY - 60 * DAY, TODAY, "2", cost_hint=0.5),
        *daily(TODAY - 60 * DAY, TODAY, "3", user_id="bob", provider="q"),
        {**call(NOW - 2 * DAY, "0", 7), "cost_state": "unpriced"},
        call(NOW - 3 * DAY, "-0.25", 8),
    ]
    with world(events) as store:
        ann, everybody = (cost_report(store, pack, user, None, NOW, see_users=True) for user in ("ann", None))
        week = cost_report(store, pack, "ann", 7 * DAY, NOW, see_users=True)
        hidden = cost_report(store, pack, None, None, NOW)
        with pytest.raises(UsersHidden):
            cost_report(store, pack, "ann", None, NOW)
    assert hidden == {**everybody, "top_users": None}
    assert any("finance role" in row[0] for table in report_cost.tables(hidden) for row in table.rows)
    # From nine o'clock thirty days ago: that day's noon, and 29 whole days.
    total = ann["total"]
    assert (total["usage_usd"], total["credits_usd"], total["cost_usd"]) == (Decimal(59), Decimal("-0.25"), Decimal("58.75"))
    assert (total["requests"], total["unpriced_requests"], total["unpriced_tokens"]) == (61, 1, 1000)
    assert everybody["total"]["cost_usd"] == Decimal("147.25")
    top = [(one["user_id"], one["cost_usd"]) for one in everybody["top_users"]]
    assert top == [("bob", Decimal("88.5")), ("ann", Decimal("58.75"))]
    assert week["total"]["usage_usd"] == Decimal(13)
    assert ann["source_hint"] == {"calls": 59, "middle": 0.5}
    assert (ann["tier"], ann["whole"], ann["trend"]["words"]) == ("paid", True, "unknown")
    # Twenty days of November, what is left of today, and nine days more.
    assert ann["projection"]["month_usd"] == 40 + Decimal("1.25") + 18
    assert ann["projection"]["lower_bound"]


def test_the_report_of_nothing_is_no_error(pack: Pack) -> None:
    with world([]) as store:
        told = cost_report(store, pack, None, None, NOW)
    assert told["total"]["requests"] == 0
    assert told["projection"]["month_usd"] is None
    assert told["trend"]["words"] == "unknown"


def plain(value: Any) -> Any:
    """As a program gets it over HTTP."""
    return json.loads(dumps(value))


def test_the_text_tells_the_same_figures(pack: Pack) -> None:
    told = plain(
        report(pack, [row(at(20), "1000.005"), row(at(5), "500", urgency=None, unpriced_requests=1, unpriced_tokens=70)])
    )
    said = text(told)
    assert "u_1's AI use cost at least $1,500.00 in 30 days" in sentence(told)
    for words in (
        "By service",
        "p / m",
        "At least: 1 calls with 70 tokens have no price",
        "Provisional",
        "Efficiency",
        "What to do",
    ):
        assert words in said
    nothing = plain(report(replace_peak(pack), []))
    assert "No call was made in 30 days." in text(nothing)
    assert "Peak and off-peak" not in text(nothing)


def replace_peak(pack: Pack) -> Pack:
    return pack.model_copy(update={"peak_hours": None})


def test_a_pack_that_names_no_peak_hours_gets_no_advice_about_them(pack: Pack) -> None:
    told = report(replace_peak(pack), [row(at(2, 18), "50")])
    assert (told["by_peak"], told["peak_hours"]) == ([], None)
    assert "off_peak" not in advised(told)
    assert told["efficiency"]["parts"]["off_peak"] is None


def test_days_of_the_projection_are_those_of_the_packs_zone(tmp_path: Path) -> None:
    """At 04:30 UTC on the 1st it is still the last evening of October in New York."""
    now = datetime(2026, 11, 1, 3, 30, tzinfo=UTC)
    own = make_pack(tmp_path, "America/New_York")
    asked = Asked(own, "u_1", now - 30 * DAY, now)
    seen = {"first_at": now - 90 * DAY, "last_at": now, "tier": None, "hints": 0, "middle_hint": None}
    told = content(
        asked, Given([replace_row(row(now - timedelta(hours=n)), True) for n in range(24 * 30)], seen, now, now - 90 * DAY)
    )
    assert told["projection"]["month_first"] == date(2026, 10, 1)
    assert told["projection"]["rest_usd"] < 1


def replace_row(one: dict[str, Any], inside: bool) -> dict[str, Any]:
    return {**one, "in_period": inside}
