"""Unit economics: whole periods only, unknown where something is missing, and parts that add up to the whole."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from analytics.economics_answer import answer_of, cents, rows_of, verdict
from analytics.economics_periods import Span, before, first_whole_day, span_of, steps
from analytics.economics_personas import PersonaRow, matched, persona_rows
from analytics.economics_read import Told, told, wanted_share
from analytics.ledger import Books, Question
from analytics.personas import Persona, Personas
from roomleft.errors import InputError
from roomleft.packs import Pack
from roomleft.timespan import midnight
from tests.analytics.economics_world import DAY, NOW, TODAY, call, daily, make_pack, paid, world

UTC_ZONE = ZoneInfo("UTC")
FIRST = TODAY - 70 * DAY


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return make_pack(tmp_path_factory.mktemp("packs"))


def at(day: date, hour: int = 9) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("today", "period", "first", "days", "partial"),
    [
        (date(2026, 11, 1), "month", date(2026, 11, 1), 0, True),
        (date(2026, 11, 15), "month", date(2026, 11, 1), 14, True),
        (date(2026, 10, 31), "month", date(2026, 10, 1), 30, True),
        (date(2026, 11, 1), "last-month", date(2026, 10, 1), 31, False),
        (date(2028, 3, 1), "last-month", date(2028, 2, 1), 29, False),
        (date(2026, 1, 31), "last-month", date(2025, 12, 1), 31, False),
        (date(2026, 11, 21), "30d", date(2026, 10, 22), 30, False),
    ],
)
def test_a_period_is_whole_days_that_are_over(today: date, period: str, first: date, days: int, partial: bool) -> None:
    span = span_of(period, at(today), UTC_ZONE)
    assert (span.first, span.days, span.partial) == (first, days, partial)


@pytest.mark.parametrize(
    ("span", "first", "until"),
    [
        (Span(date(2026, 3, 1), date(2026, 4, 1), date(2026, 4, 1)), date(2026, 2, 1), date(2026, 3, 1)),
        (Span(date(2026, 1, 1), date(2026, 2, 1), date(2026, 2, 1)), date(2025, 12, 1), date(2026, 1, 1)),
        (Span(date(2026, 11, 14), TODAY, TODAY), date(2026, 11, 7), date(2026, 11, 14)),
    ],
)
def test_the_period_before_is_a_whole_one(span: Span, first: date, until: date) -> None:
    assert (before(span).first, before(span).until) == (first, until)


@pytest.mark.parametrize(("by", "firsts"), [("week", [2, 9, 16]), ("month", [1])])
def test_steps_begin_on_mondays_and_firsts_and_only_the_last_may_be_cut(by: str, firsts: list[int]) -> None:
    found = steps(date(2026, 11, 1), date(2026, 11, 21), by)
    assert [one.first.day for one in found] == firsts
    assert [one.partial for one in found] == [False] * (len(found) - 1) + [True]


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="no period"):
        span_of("fortnight", NOW, UTC_ZONE)
    with pytest.raises(InputError, match="no step"):
        steps(FIRST, TODAY, "day")


@pytest.mark.parametrize(("first_at", "day"), [(at(FIRST, 0), FIRST), (at(FIRST, 7), FIRST + DAY)])
def test_the_first_whole_day(first_at: datetime, day: date) -> None:
    assert first_whole_day(first_at, UTC_ZONE) == day


def read(
    pack: Pack, events: list[dict[str, object]], business: list[object] = (), period: str = "30d", now: datetime = NOW
) -> Told:  # type: ignore[assignment]
    with world(events, business, now=now) as store:  # type: ignore[arg-type]
        return told(store, pack, now, period)


def test_every_figure_of_a_period(pack: Pack) -> None:
    found = read(
        pack,
        [*daily(FIRST, TODAY, "2.00"), *daily(FIRST, TODAY, "0.50", user_id="bob", tier="free", provider="q", output_tokens=0, images=1)],
        [*paid(FIRST, TODAY, "3.00"), *paid(FIRST, TODAY, "0", "free")],
    )  # fmt: skip
    one = found.now
    assert one.whole
    assert (one.users, one.requests, one.tokens) == (2, 120, 60_000)
    assert (one.ai_usd, one.token_usd, one.revenue_usd) == (Decimal(75), Decimal(60), Decimal(90))
    # 10 of October's 31 days and 20 of November's 30, at $300 a month.
    assert one.infrastructure_usd == Decimal("296.774193548")
    assert one.per(one.users)["ai_usd"] == Decimal("37.5")
    assert one.api_share == Decimal(75) / 90
    assert one.margin_usd == Decimal(90) - 75 - one.infrastructure_usd
    assert one.infrastructure_roi == Decimal(90) / one.infrastructure_usd
    assert [(each.name, each.share) for each in one.providers] == [("p", Decimal("0.8")), ("q", Decimal("0.2"))]
    free, full = one.tiers
    assert (free.users, free.revenue_usd, free.ai_usd) == (1, Decimal(0), Decimal(15))
    assert sum(tier.infrastructure_usd for tier in (free, full)) == one.infrastructure_usd
    assert found.growth.cost is not None
    assert found.growth.revenue == 0


def test_ai_and_infrastructure_are_what_the_ledger_says(tmp_path: Path) -> None:
    for zone in ("UTC", "America/St_Johns", "Pacific/Apia"):
        own = make_pack(tmp_path, zone)
        with world(daily(FIRST, TODAY, "2.47"), zones=["UTC", zone]) as store:
            found = told(store, own, NOW, "last-month")
            tz = ZoneInfo(zone)
            span = found.now.covered
            asked = Question(midnight(span.first, tz), midnight(span.until, tz))
            ledger = Books(store, {own.slug: own}).costs(asked, NOW).total
        assert (found.now.ai_usd, found.now.infrastructure_usd) == (ledger.ai_usd, ledger.infrastructure_usd)


def test_growth_is_of_whole_periods_and_by_the_day(pack: Pack) -> None:
    """March has three days more than February: at the same cost a day nothing grew."""
    now = at(date(2026, 4, 10))
    first = date(2026, 1, 20)
    found = read(pack, daily(first, now.date(), "10"), paid(first, now.date(), "5"), "last-month", now)
    assert found.growth.revenue == 0
    assert found.growth.cost is not None
    # Infrastructure is $300 a month, so a little less a day in a longer month.
    assert Decimal("-0.06") < found.growth.cost < 0


@pytest.mark.parametrize(
    ("name", "first", "business_days", "reason"),
    [
        ("too little history", TODAY - 40 * DAY, 40, "there is not enough history: 10 of the 30 days before are known"),
        ("revenue of some days", FIRST, 45, "revenue is not known for every day of both periods"),
    ],
)
def test_growth_that_cannot_be_told_says_why(pack: Pack, name: str, first: date, business_days: int, reason: str) -> None:
    found = read(pack, daily(first, TODAY, "2"), paid(TODAY - business_days * DAY, TODAY, "3"))
    assert (found.growth.gap, found.growth.reason) == (None, reason), name


def test_missing_revenue_is_unknown_and_no_revenue_is_nothing(pack: Pack) -> None:
    missing, none = read(pack, daily(FIRST, TODAY, "2")), read(pack, daily(FIRST, TODAY, "2"), paid(FIRST, TODAY, "0"))
    assert (missing.now.revenue_usd, missing.now.margin_usd, missing.now.api_share) == (None, None, None)
    assert "unknown: no revenue is reported" in verdict(missing)
    assert (none.now.revenue_usd, none.now.api_share) == (Decimal(0), None)
    assert none.now.margin_usd == -none.now.total_usd


def test_revenue_of_some_days_is_not_set_against_the_cost_of_all(pack: Pack) -> None:
    found = read(pack, daily(FIRST, TODAY, "2"), paid(TODAY - 28 * DAY, TODAY, "3"))
    assert found.now.revenue_usd == Decimal(84)
    assert (found.now.margin_usd, found.now.api_share, found.now.infrastructure_roi) == (None, None, None)
    assert [tier.margin_usd for tier in found.now.tiers] == [None]
    assert "revenue is known for 28 of 30 days" in verdict(found)


def test_a_tier_without_revenue_is_unknown_alone(pack: Pack) -> None:
    found = read(pack, [*daily(FIRST, TODAY, "2"), *daily(FIRST, TODAY, "1", user_id="b", tier="trial")], paid(FIRST, TODAY, "9"))
    assert {tier.tier: tier.margin_usd is None for tier in found.now.tiers} == {"paid": False, "trial": True}


def test_calls_without_a_price_make_costs_lower_bounds(pack: Pack) -> None:
    events = daily(FIRST, TODAY, "2")
    events.append({**call(NOW - 3 * DAY, "0", 9), "cost_state": "unpriced"})
    found = read(pack, events, paid(FIRST, TODAY, "50"))
    assert found.now.lower_bound
    assert found.marks.unpriced_tokens == 1000
    assert found.growth.cost is None
    assert "at least" in verdict(found)
    assert "at most" in verdict(found)


def test_days_before_the_first_call_are_not_days_without_cost(pack: Pack) -> None:
    found = read(pack, daily(TODAY - 12 * DAY, TODAY, "2"), paid(TODAY - 60 * DAY, TODAY, "3"))
    assert not found.now.whole
    assert (found.now.covered.days, found.now.revenue_usd) == (12, Decimal(36))
    assert answer_of(found)["days_known"] == 12


def test_a_user_counts_once_in_the_tier_they_were_in_last(pack: Pack) -> None:
    middle = TODAY - 10 * DAY
    events = [
        *daily(FIRST, middle, "1", tier="free"),
        *daily(middle, TODAY, "1", tier="paid"),
        *daily(FIRST, TODAY, "1", user_id=None),
    ]
    found = read(pack, events, paid(FIRST, TODAY, "3"))
    assert {tier.tier: tier.users for tier in found.now.tiers} == {"free": 0, "paid": 1}
    assert found.now.users == 1
    assert sum(tier.ai_usd for tier in found.now.tiers) == found.now.ai_usd == 60


def test_what_is_shown_adds_up_in_cents(pack: Pack) -> None:
    events = [*daily(FIRST, TODAY, "0.333333334"), *daily(FIRST, TODAY, "0.666666668", user_id="b", tier="free")]
    shown = cents(read(pack, events, paid(FIRST, TODAY, "1.111")).now)
    assert shown["revenue"] is not None
    assert shown["margin"] == shown["revenue"] - (shown["ai"] or 0) - (shown["infrastructure"] or 0)


def test_the_margin_and_the_cost_shown_are_the_exact_ones_rounded(pack: Pack) -> None:
    """Each part rounded by itself had lost a cent of both."""
    one = read(pack, daily(FIRST, TODAY, "1"), paid(FIRST, TODAY, "3")).now
    for ai, infrastructure in (("4729.964", "4640.0028"), ("1.005", "1.005"), ("0.009", "0.009"), ("1.0149", "2.0149")):
        made = dataclasses.replace(one, ai_usd=Decimal(ai), infrastructure_usd=Decimal(infrastructure))
        shown = cents(made)
        assert made.margin_usd is not None
        assert shown["margin"] == made.margin_usd.quantize(Decimal("0.01"))
        assert (shown["ai"] or 0) + (shown["infrastructure"] or 0) == made.total_usd.quantize(Decimal("0.01"))
        assert shown["revenue"] == made.known_revenue_usd


def test_nothing_at_all_is_said_and_not_counted(pack: Pack) -> None:
    found = read(pack, [])
    assert found.read_to is None
    assert "nothing is known" in verdict(found)
    assert found.now.per(found.now.users)["total_usd"] is None
    answer_of(found)


def persona(cost: str, tier: str | None = "paid", **given: object) -> Persona:
    told = {
        "users": 10, "share": Decimal("0.5"), "usd_per_month": Decimal(cost), "low_usd": Decimal(cost), "high_usd": Decimal(cost),
        "cost_usd": Decimal(cost) * 10, "user_days": 300, "requests_per_day": 1.0, "images_per_day": 0.0, "characters_per_day": 0.0,
        "tokens_per_day": 1.0, "tier": tier, "tier_share": Decimal(1), "lower_bound": False,
    }  # fmt: skip
    return Persona(**{**told, **given})  # type: ignore[arg-type]


def rows(pack: Pack, *found: Persona) -> list[PersonaRow]:
    return persona_rows(pack, Personas(tuple(found), "", 20, {}, {}), Decimal("1.50"))


@pytest.mark.parametrize(
    ("cost", "tier", "result"),
    [("4", "paid", "profit"), ("10", "paid", "break-even"), ("12", "paid", "loss"), ("60", "paid", "large loss"), ("1", "free", "large loss"),
     ("1", "trial", "unknown"), ("1", None, "unknown")],
)  # fmt: skip
def test_a_personas_result_at_its_tiers_price(pack: Pack, cost: str, tier: str | None, result: str) -> None:
    assert rows(pack, persona(cost, tier))[0].result == result


def test_the_prices_a_persona_would_have_to_pay(pack: Pack) -> None:
    (row,) = rows(pack, persona("51.90"))
    assert wanted_share(pack) == Decimal("0.30")
    assert (row.break_even_usd, row.share_price_usd) == (Decimal("51.90"), Decimal(173))
    assert (row.profit_usd, row.margin_usd) == (Decimal("-41.90"), Decimal("-43.40"))
    assert row.title == "Heavy user"
    assert row.designed_profit_usd == Decimal(-40)


def test_a_name_is_lent_only_to_a_persona_that_costs_about_as_much(pack: Pack) -> None:
    named = matched([persona("1.9"), persona("7"), persona("48"), persona("55")], pack.personas)
    assert [one.name if one else None for one in named] == ["light", None, "heavy", None]


def test_trend_holds_the_weeks_that_are_known_and_marks_the_one_that_is_not_over(pack: Pack) -> None:
    found = read(pack, daily(TODAY - 20 * DAY, TODAY, "2"))
    assert [each.whole for each in found.trend] == [True, True, False]
    assert all(each.span.first.weekday() == 0 for each in found.trend)
    assert found.trend[-1].ai_usd == 2 * found.trend[-1].covered.days
    assert rows_of(found) == []


def test_fresh_data_is_provisional_for_two_days(pack: Pack) -> None:
    old = read(pack, daily(date(2026, 9, 1), TODAY, "2"), period="last-month")
    assert read(pack, daily(FIRST, TODAY, "2")).marks.provisional
    assert not old.marks.provisional
    assert old.marks.settled_from - midnight(date(2026, 11, 1), UTC_ZONE) == timedelta(hours=48)
