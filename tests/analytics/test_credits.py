"""Prepaid credits: who pays for what, in which order, what is lost, and that nothing goes missing."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from analytics.credits import credit_rows, draw_down
from roomleft.clock import FixedClock
from roomleft.credits import Credit, credit_spec, credits_of
from roomleft.errors import InputError
from tests.analytics.budget_shop import opened, shop, used

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Stored:
    """A decision as the state database keeps it."""

    def __init__(
        self,
        number: int,
        amount: str,
        starts: str,
        expires: str | None = None,
        provider: str = "p",
        platform: str = "",
        subject: str = "",
    ) -> None:
        self.id, self.subject, self.platform = number, subject or f"c{number}", platform
        self.content: dict[str, Any] = {"title": f"C{number}", "provider": provider, "amount_usd": amount, "starts": starts}
        if expires:
            self.content["expires"] = expires
        self.made_by, self.made_at = "somebody", NOW


def cost(day: int, usd: str, platform: str = "shop", provider: str = "p", unpriced: int = 0) -> dict[str, Any]:
    at = datetime(2026, 11, day, 10, tzinfo=UTC)
    return {
        "step_at": at,
        "provider": provider,
        "platform": platform,
        "cost_usd": Decimal(usd),
        "unpriced_requests": unpriced,
        "last_at": at,
    }


CASES = [
    ("one is drawn down", [Stored(1, "100", "2026-11-01")], [cost(2, "30"), cost(3, "20")], [("50", "50", "0")]),
    ("what was before it is not paid", [Stored(1, "100", "2026-11-03")], [cost(2, "30"), cost(3, "20")], [("20", "80", "0")]),
    ("other providers are not paid", [Stored(1, "100", "2026-11-01")], [cost(2, "30", provider="q")], [("0", "100", "0")]),
    ("other platforms are not paid", [Stored(1, "100", "2026-11-01", platform="shop")], [cost(2, "30", "else"), cost(2, "5")], [("5", "95", "0")]),
    ("no more than there is", [Stored(1, "40", "2026-11-01")], [cost(2, "30"), cost(3, "20")], [("40", "0", "0")]),
    ("the rest is lost when it expires", [Stored(1, "100", "2026-11-01", "2026-11-10")], [cost(10, "30"), cost(11, "20")], [("30", "0", "70")]),
    ("the one that expires first pays first", [Stored(1, "100", "2026-11-01"), Stored(2, "25", "2026-11-02", "2026-12-31")], [cost(3, "30")], [("5", "95", "0"), ("25", "0", "0")]),
    ("in the order of time", [Stored(1, "10", "2026-11-01", "2026-11-04"), Stored(2, "10", "2026-11-01", "2026-11-30")], [cost(2, "4"), cost(5, "9")], [("4", "0", "6"), ("9", "1", "0")]),
    ("a correction gives back", [Stored(1, "10", "2026-11-01")], [cost(2, "10"), cost(3, "-4"), cost(4, "-20")], [("0", "10", "0")]),
    ("one to come waits", [Stored(1, "10", "2026-12-01")], [cost(2, "4")], [("0", "10", "0")]),
]  # fmt: skip


@pytest.mark.parametrize(("stored", "costs", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_who_pays(stored: list[Stored], costs: list[dict[str, Any]], expected: list[tuple[str, str, str]]) -> None:
    found = {each.credit.term_id: each for each in draw_down(credits_of(stored), costs, NOW)}
    told = [(each.used_usd, each.left_usd, each.lost_usd) for _, each in sorted(found.items())]
    assert told == [tuple(map(Decimal, each)) for each in expected]


def test_used_left_and_lost_are_the_amount_whatever_happens() -> None:
    rng = random.Random(7)
    for _ in range(200):
        stored = [
            Stored(n, f"{rng.randint(1, 90)}.{rng.randint(0, 99):02}", f"2026-11-{rng.randint(1, 15):02}", rng.choice([None, f"2026-11-{rng.randint(16, 30)}"]),
                   rng.choice("pq"), rng.choice(["", "shop"]))
            for n in range(1, 5)
        ]  # fmt: skip
        costs = sorted((cost(rng.randint(1, 20), f"{rng.randint(-5, 40)}.{rng.randint(0, 999999999):09}", rng.choice(["shop", "else"]), rng.choice("pq")) for _ in range(25)),
                       key=lambda each: each["step_at"])  # fmt: skip
        drawn = draw_down(credits_of(stored), costs, NOW)
        assert all(each.used_usd + each.left_usd + each.lost_usd == each.credit.amount_usd for each in drawn)
        assert all(0 <= each.used_usd <= each.credit.amount_usd for each in drawn)
        if all(each["cost_usd"] >= 0 for each in costs):
            assert sum(each.used_usd for each in drawn) <= sum(each["cost_usd"] for each in costs)


def test_the_newest_decision_about_a_credit_counts_and_a_broken_one_is_left_out() -> None:
    stored = [
        Stored(1, "100", "2026-11-01", subject="a"),
        Stored(3, "70", "2026-10-01", subject="a"),
        Stored(2, "5", "2026-11-01"),
    ]
    stored[2].content["amount_usd"] = 5.5
    found = credits_of(stored)
    assert [(each.name, each.amount_usd, each.since) for each in found] == [("a", 70, datetime(2026, 10, 1, tzinfo=UTC))]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"amount_usd": 5.5}, "float"),
        ({"amount_usd": "0"}, "greater than 0"),
        ({"expires": "2026-10-01"}, "expires before it starts"),
        ({"starts": "soon"}, "is not a date"),
        ({"provider": ""}, "provider"),
        ({"colour": "red"}, "unknown key 'colour'"),
    ],
)
def test_a_credit_that_is_none_is_refused_in_words(content: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as refused:
        credit_spec({"title": "T", "provider": "p", "amount_usd": "5", "starts": "2026-11-01"} | content, "credit")
    assert words in str(refused.value)


def test_days_of_a_credit_are_those_of_its_zone() -> None:
    stored = Stored(1, "5", "2026-03-29", "2026-10-25")
    stored.content["zone"] = "Europe/Berlin"
    credit: Credit = credits_of([stored])[0]
    assert (credit.since, credit.until) == (datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC))
    assert credit.spec.expires == date(2026, 10, 25)


def test_from_the_store_with_when_it_runs_out_and_what_will_be_lost(tmp_path: Any) -> None:
    pack = shop(
        tmp_path,
        "  it: {kind: cost, unit: usd}",
        "  - {id: it, kind: budget, title: It, amount: 1, window: month, unit: usd, meter: it, owner: o}",
    )
    clock = FixedClock(NOW)
    stored = [Stored(1, "300", "2026-11-01"), Stored(2, "1000", "2026-11-01", "2026-12-09", provider="p", platform="other")]
    with opened(clock, pack) as store:
        used(store, clock, [{"at": NOW - ago * DAY - timedelta(hours=1), "images": 10} for ago in range(20)])
        used(store, clock, [{"at": NOW - timedelta(hours=2), "model": "unheard"}])
        first, other = credit_rows(store, credits_of(stored), NOW)
    assert (first.used_usd, first.left_usd, first.at_most) == (200, 100, True)
    assert first.per_day_usd == 10
    assert first.runs_out_at is not None
    assert abs(first.runs_out_at - (NOW + 10 * DAY)) <= DAY
    assert (other.used_usd, other.runs_out_at, other.wasted_usd) == (0, None, 1000)
