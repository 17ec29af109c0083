"""What budgets count: whose usage, the period's own days, what the last period left, and which way an unpriced part is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analytics.allocation import Rule
from analytics.budget_periods import past_periods
from analytics.meters import Meters
from jobs.measure import measure
from roomleft.clock import FixedClock
from roomleft.errors import PackError
from roomleft.limits import Headroom, Reading
from roomleft.mapping_rules import mapping_rule
from roomleft.packs import Pack
from tests.analytics.budget_shop import opened, shop, used

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def reading(
    folder: Path, meter: str, calls: list[dict[str, Any]], limit: str = "amount: 100, window: month", **more: Any
) -> Headroom:
    unit = "usd" if "kind: cost" in meter else "images"
    pack = shop(
        folder,
        f"  it: {{{meter}, unit: {unit}}}",
        f"  - {{id: it, kind: budget, title: It, {limit}, unit: {unit}, meter: it, owner: o}}",
    )
    clock = FixedClock(NOW + MINUTE)
    with opened(clock, pack) as store:
        used(store, clock, calls, [*pack.zones(), "UTC"])
        return measure(store, {"shop": more["lay"](pack) if "lay" in more else pack}, clock.now())[0]


WHOSE = [
    {"at": NOW, "images": 1, "team": "red", "project": "a", "environment": "prod", "feature": "draw", "cost_centre": "c 1", "api_key_hash": "k1", "user_id": "ada"},
    {"at": NOW - DAY, "images": 10, "team": "blue", "project": "a", "environment": "test", "feature": "edit", "cost_centre": "c 2", "api_key_hash": "k2", "user_id": "bob"},
    {"at": NOW - 2 * DAY, "images": 100, "tier": "pro", "user_id": "ada", "model": "m"},
]  # fmt: skip


CASES = [
    ("", 111), ("team: red", 1), ("team: [red, blue]", 11), ("project: a", 11), ("environment: test", 10), ("feature: edit", 10),
    ("cost_centre: c 2", 10), ("api_key: k1", 1), ("tier: pro", 100), ("user: ada", 101), ("user: [ada, bob], tier: free", 11),
    ("team: red, project: b", 0), ("provider: p", 111), ("model: other", 0),
]  # fmt: skip


def limit_of(name: str, unit: str = "usd") -> str:
    return f"  - {{id: {name}, kind: budget, title: It, amount: 1000, window: month, unit: {unit}, meter: {name}, owner: o}}\n"


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Headroom]:
    """A budget of dollars and one of images for each case, measured."""
    meters = limits = ""
    for number, (where, _) in enumerate(CASES):
        meters += f"  usd_{number}: {{kind: cost, unit: usd, where: {{{where}}}}}\n"
        meters += f"  images_{number}: {{kind: count, of: images, unit: images, where: {{{where}}}}}\n"
        limits += limit_of(f"usd_{number}") + limit_of(f"images_{number}", "images")
    pack = shop(tmp_path_factory.mktemp("shop"), meters, limits)
    clock = FixedClock(NOW + MINUTE)
    with opened(clock, pack) as store:
        used(store, clock, WHOSE)
        return {row.limit_id: row for row in measure(store, {"shop": pack}, clock.now())}


@pytest.mark.parametrize(
    ("number", "where", "images"), [(n, *case) for n, case in enumerate(CASES)], ids=[case[0] or "all" for case in CASES]
)
def test_a_budget_counts_only_what_its_where_names(counted: dict[str, Headroom], number: int, where: str, images: int) -> None:
    assert counted[f"shop.usd_{number}"].used == images
    assert counted[f"shop.images_{number}"].used == images


def test_a_budget_counts_for_whom_the_mapping_rules_say(tmp_path: Path) -> None:
    said = mapping_rule({"match": {"api_key_hash": ["k2"]}, "assign": {"team": "red"}, "override": True}, "rule")
    rule = Rule(1, "key", "", at("2026-11-01"), None, said)

    def lay(pack: Pack) -> Pack:
        return pack.laid(pack.limits, pack.meters, {}, [rule])

    assert reading(tmp_path, "kind: cost, where: {team: red}", WHOSE, lay=lay).used == 11
    assert reading(tmp_path, "kind: cost, where: {team: blue}", WHOSE, lay=lay).used == 0
    assert reading(tmp_path, "kind: cost, where: {project: a}", WHOSE, lay=lay).used == 11


@pytest.mark.parametrize(
    ("meter", "limit", "words"),
    [
        ("where: {user: a, team: b}", "window: month", "usage by user does not know the team"),
        ("where: {feature: a}", "window: day, per_user: true", "usage by user does not know the feature"),
        ("where: {colour: a}", "window: month", "unknown key 'colour'"),
        ("where: {}", "window: {rolling: 30d}, rollover: true", "only a calendar window has a period before it"),
        ("where: {}", "window: month, per_user: true, rollover: true", "only a ceiling on everybody's use together"),
        ("where: {}", "window: month, recipients: [nobody]", "'nobody' is not an e-mail address"),
        ("where: {}", 'window: month, recipients: ["a@b.example\\nBcc: c@d.example"]', "is not an e-mail address"),
    ],
)
def test_what_cannot_be_counted_is_refused_in_words(tmp_path: Path, meter: str, limit: str, words: str) -> None:
    with pytest.raises(PackError) as refused:
        shop(
            tmp_path,
            f"  it: {{kind: count, of: images, unit: images, {meter}}}",
            f"  - {{id: it, kind: quota, title: It, amount: 1, unit: images, meter: it, owner: o, {limit}}}",
        )
    assert words in str(refused.value)


ROLLING_OVER = [
    # September's use, October's use -> what November has: 100, and what October left of its own 100.
    ("nothing used", 1, 0, 200),
    ("part used", 1, 30, 170),
    ("all used", 1, 100, 100),
    ("overspend is not carried", 1, 140, 100),
    ("what October was given lapses", 1, 60, 140),
    ("and is not needed either", 99, 60, 140),
]


@pytest.mark.parametrize(
    ("september", "october", "amount"), [case[1:] for case in ROLLING_OVER], ids=[case[0] for case in ROLLING_OVER]
)
def test_what_a_period_leaves_is_added_to_the_next(tmp_path: Path, september: int, october: int, amount: int) -> None:
    calls = [
        {"at": at("2026-09-02T10:00"), "images": september},
        {"at": at("2026-10-31T23:59:59.999"), "images": october},
        {"at": at("2026-11-01T00:00"), "images": 7},
    ]
    row = reading(tmp_path, "kind: cost", calls, "amount: 100, window: month, rollover: true")
    assert (row.amount, row.used, row.remaining) == (amount, 7, amount - 7)


def test_a_period_that_data_does_not_cover_carries_nothing(tmp_path: Path) -> None:
    calls = [{"at": at("2026-10-05T00:00"), "images": 3}, {"at": NOW, "images": 7}]
    assert reading(tmp_path, "kind: cost", calls, "amount: 100, window: month, rollover: true").amount == 100


def test_late_events_correct_what_was_carried(tmp_path: Path) -> None:
    pack = shop(
        tmp_path,
        "  it: {kind: cost, unit: usd}",
        "  - {id: it, kind: budget, title: It, amount: 100, window: month, rollover: true, unit: usd, meter: it, owner: o}",
    )
    clock = FixedClock(NOW + MINUTE)
    with opened(clock, pack) as store:
        used(store, clock, [{"at": at("2026-09-15T10:00"), "images": 1}, {"at": at("2026-10-15T10:00"), "images": 20}])
        assert measure(store, {"shop": pack}, clock.now())[0].amount == 180
        used(store, clock, [{"at": at("2026-10-31T23:59:59"), "images": 30}])
        assert measure(store, {"shop": pack}, clock.now())[0].amount == 150
        periods = past_periods(store, pack, pack.limit("it"), clock.now())
    # September has data only from its middle, so October was given nothing; August is before everything.
    assert [(one.start.month, one.own_amount, one.rolled_over, one.used, one.whole) for one in periods] == [
        (10, 100, 0, 50, True),
        (9, 100, 0, 1, False),
    ]


def test_a_carried_amount_goes_by_what_held_when_the_period_ended(tmp_path: Path) -> None:
    def lay(pack: Pack) -> Pack:
        raised = [spec.model_copy(update={"amount": Decimal(500)}) for spec in pack.limits]
        return pack.laid(raised, pack.meters, {"it": ((at("2000-01-01"), Decimal(100)), (at("2026-11-01"), Decimal(500)))})

    calls = [{"at": at("2026-09-02T10:00")}, {"at": at("2026-10-15T10:00"), "images": 20}]
    assert reading(tmp_path, "kind: cost", calls, "amount: 100, window: month, rollover: true", lay=lay).amount == 580


UNPRICED = {"at": NOW, "model": "unheard"}
SIGNS = [
    ("total", "kind: total, of: [a, b]", True, ""),
    ("less an exact amount", "kind: difference, part: a, less: exact", True, ""),
    ("an exact amount less it", "kind: difference, part: exact, less: a", False, "may be lower"),
    ("both", "kind: difference, part: a, less: b", False, "may be higher or lower"),
    ("over an exact amount", "kind: ratio, part: a, whole: exact", True, ""),
    ("an exact amount over it", "kind: ratio, part: exact, whole: a", False, "may be lower"),
    ("over itself", "kind: ratio, part: a, whole: b", False, "may be higher or lower"),
    ("a difference taken off an exact amount", "kind: difference, part: exact, less: turned", True, ""),
]


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Headroom, Reading]]:
    """Each of them, measured and read."""
    meters = """
  a: {kind: cost, unit: usd, where: {team: [x]}}
  b: {kind: cost, unit: usd, where: {team: [x, y]}}
  exact: {kind: cost, unit: usd, where: {team: [y]}}
  turned: {kind: difference, unit: usd, part: exact, less: a}
"""
    names = {case[0]: f"it_{number}" for number, case in enumerate(SIGNS)}
    meters += "".join(f"  {names[case[0]]}: {{{case[1]}, unit: usd}}\n" for case in SIGNS)
    pack = shop(tmp_path_factory.mktemp("shop"), meters, "".join(limit_of(name) for name in names.values()))
    clock = FixedClock(NOW + MINUTE)
    with opened(clock, pack) as store:
        used(
            store,
            clock,
            [{"at": NOW, "images": 3, "team": "x"}, {"at": NOW, "images": 10, "team": "y"}, UNPRICED | {"team": "x"}],
        )
        rows = {row.limit_id: row for row in measure(store, {"shop": pack}, clock.now())}
        meters_now = Meters(store, pack, clock.now())
        return {case: (rows[f"shop.{name}"], meters_now.read(name, pack.limit(name))) for case, name in names.items()}


@pytest.mark.parametrize(("name", "lower", "words"), [(case[0], *case[2:]) for case in SIGNS], ids=[case[0] for case in SIGNS])
def test_only_a_true_lower_bound_is_called_one(
    signed: dict[str, tuple[Headroom, Reading]], name: str, lower: bool, words: str
) -> None:
    row, raw = signed[name]
    assert row.lower_bound is lower
    assert (words in row.reason) if words else not row.reason
    assert raw.lower_bound or raw.upper_bound
