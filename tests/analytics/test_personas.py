"""Kinds of users, recovered from usage alone: what a stand-in hides, and what must not be mistaken for a kind."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from analytics.personas import FEWEST_USERS, MONTH_DAYS, Personas, UserUse, humps, personas, uses
from collectors.records.usage_rows import usage_table
from collectors.standin.people import People
from collectors.standin.standin import StandIn
from collectors.standin.traffic import Traffic
from jobs.price import price
from roomleft.clock import FixedClock
from roomleft.packs import load_pack
from warehouse.rollup import roll_up
from warehouse.store import Store
from warehouse.writer import Batch, Writer

PACK = load_pack(Path(__file__).parents[2] / "packs" / "tabletop.yaml")
NOW = datetime(2026, 11, 21, tzinfo=UTC)
SEED, HISTORY = 7, 22
# Read off the design page, and off what its stand-in makes of it.
MONTHLY_USD = (5.20, 99.59, 331.95)
SHARES = (0.692, 0.251, 0.057)


@pytest.fixture(scope="module")
def played() -> Iterator[Store]:
    """Three weeks of the stand-in's calls in a warehouse, as a collector would have brought them."""
    assert PACK.standin is not None
    store = Store.open("duckdb:///:memory:", now=FixedClock(NOW))
    price(store, {PACK.slug: PACK}, NOW)
    writer = Writer(store, FixedClock(NOW))
    writer.start()
    standin, after = StandIn(PACK.standin, SEED, NOW, HISTORY, FixedClock(NOW)), None
    try:
        while True:
            page = standin.page("usage", after, 20_000)
            rows = usage_table(
                b"\n".join(page.records), source=PACK.slug, platform=PACK.slug, known_platforms=(PACK.slug,), now=NOW
            ).rows
            assert writer.submit(Batch(PACK.slug, usage=rows)).result(timeout=60).rejected == 0
            if not page.more:
                break
            after = page.next
    finally:
        writer.close()
    roll_up(store, NOW, ["UTC"])
    yield store
    store.close()


def found(store: Store, days: int, seed: int = 1) -> Personas:
    first = NOW.date() - timedelta(days=days)
    rows = store.rows("economics_users", zone="UTC", platform=PACK.slug, first_day=first, until_day=NOW.date())
    return personas(uses(rows), seed)


@pytest.mark.parametrize(("days", "cost_within"), [(21, 0.05), (14, 0.05), (7, 0.08)])
def test_what_the_stand_in_hides_comes_back(played: Store, days: int, cost_within: float) -> None:
    told = found(played, days)
    assert told.reason == ""
    assert [float(one.share) for one in told.found] == pytest.approx(SHARES, abs=0.02)
    assert [float(one.usd_per_month) for one in told.found] == pytest.approx(MONTHLY_USD, rel=cost_within)


def test_almost_every_user_is_of_the_kind_the_stand_in_gave_them(played: Store) -> None:
    assert PACK.standin is not None
    start = (int(NOW.timestamp()) // 86_400 - HISTORY) * 86_400 * 1_000_000
    people = People(Traffic(PACK.standin, int(NOW.timestamp() * 1_000_000)), SEED, start)
    people.count(int(NOW.timestamp()) // 86_400)
    members = found(played, 21).members
    right = sum(people.persona[int(user.removeprefix("u-"))] == kind for user, kind in members.items())
    assert len(members) > 190
    assert right >= 0.98 * len(members)


def test_another_seed_of_the_search_finds_the_same(played: Store) -> None:
    assert found(played, 21, seed=99).members == found(played, 21).members


def user(number: int, cost: float, days: int = 30, **given: object) -> UserUse:
    """A user who cost so much a month."""
    usd = (Decimal(repr(cost)) * days / MONTH_DAYS).quantize(Decimal("0.000000001"))
    told = {"tier": "paid", "requests": 100, "tokens": 1000, "images": 0, "characters": 0, "unpriced_requests": 0}
    return UserUse(user_id=f"u{number:05d}", days=days, cost_usd=usd, **{**told, **given})  # type: ignore[arg-type]


def crowd(*kinds: tuple[int, float, float], seed: int = 3) -> list[UserUse]:
    """Users by (how many, median cost, spread of its logarithm)."""
    rng = np.random.default_rng(seed)
    costs = [cost for many, median, sigma in kinds for cost in median * np.exp(sigma * rng.standard_normal(many))]
    return [user(number, float(cost)) for number, cost in enumerate(costs)]


@pytest.mark.parametrize(
    ("name", "users", "sizes"),
    [
        ("two kinds", crowd((300, 2, 0.3), (100, 60, 0.3)), [300, 100]),
        ("five kinds", crowd((200, 1, 0.1), (200, 4, 0.1), (200, 16, 0.1), (200, 64, 0.1), (200, 256, 0.1)), [200] * 5),
        ("one broad hump", crowd((2000, 3, 1.1)), []),
        ("two that overlap", crowd((500, 3, 0.6), (500, 5, 0.6)), []),
        ("everybody costs the same to the cent", [user(n, 9.99) for n in range(300)], []),
        ("two flat fees", [user(n, 1.0 if n < 200 else 30.0) for n in range(300)], [200, 100]),
    ],
)
def test_kinds_are_told_apart_only_where_there_is_a_gap(name: str, users: list[UserUse], sizes: list[int]) -> None:
    told = personas(users, 1)
    assert [one.users for one in told.found] == pytest.approx(sizes, abs=3), name
    if not sizes:
        assert told.reason.startswith("no distinct personas")


def test_a_skewed_hump_is_one_kind() -> None:
    costs = np.random.default_rng(5).gamma(2.0, 3.0, 3000)
    assert personas([user(n, float(cost)) for n, cost in enumerate(costs)], 1).found == ()


def test_parts_without_a_valley_share_a_hump() -> None:
    together = humps(np.array([0.5, 0.5]), np.array([0.0, 1.0]), np.array([1.0, 1.0]))
    apart = humps(np.array([0.1, 0.9]), np.array([9.0, 0.0]), np.array([1.0, 1.0]))
    assert (together.tolist(), apart.tolist()) == ([0, 0], [1, 0])


def test_few_users_are_refused_with_the_reason() -> None:
    told = personas(crowd((100, 2, 0.2), (FEWEST_USERS - 101, 60, 0.2)), 1)
    assert told.found == ()
    assert f"{FEWEST_USERS - 1} users" in told.reason
    assert str(FEWEST_USERS) in told.reason


def test_who_cannot_be_told_apart_is_counted_apart() -> None:
    users = [
        *crowd((200, 2, 0.2), (100, 60, 0.2)),
        *[user(1000 + n, 2.0, days=2) for n in range(4)],
        *[user(2000 + n, 0, requests=0) for n in range(5)],
        *[user(3000 + n, 0) for n in range(6)],
        *[user(4000 + n, 90_000.0) for n in range(2)],
    ]
    told = personas(users, 1)
    assert told.left_out == {"too new": 4, "without use": 5, "without cost": 6, "outliers": 2}
    assert told.users == len(users) == sum(one.users for one in told.found) + sum(told.left_out.values())
    assert sum(one.share for one in told.found) == 1


def test_a_month_is_counted_by_the_days_a_user_was_there() -> None:
    """Of a user who joined ten days ago, a third of a month's cost is a whole month's."""
    users = [user(n, 6.0, days=30 if n % 2 else 10) for n in range(200)] + [user(1000 + n, 60.0, days=10) for n in range(100)]
    told = personas(users, 1)
    assert [float(one.usd_per_month) for one in told.found] == pytest.approx([6.0, 60.0])
    assert [one.users for one in told.found] == [200, 100]


def test_costs_without_a_price_are_a_lower_bound_and_none_at_all_is_no_persona() -> None:
    some = personas([user(n, 2.0 if n < 150 else 50.0, unpriced_requests=int(n == 3)) for n in range(250)], 1)
    assert [one.lower_bound for one in some.found] == [True, False]
    none = personas([user(n, 0, unpriced_requests=100) for n in range(300)], 1)
    assert none.found == ()
    assert "no user's cost is known" in none.reason


def test_the_order_of_users_changes_nothing() -> None:
    users = crowd((200, 2, 0.3), (100, 60, 0.3))
    shuffled = random.Random(1).sample(users, len(users))
    assert personas(shuffled, 1) == personas(users, 1)
