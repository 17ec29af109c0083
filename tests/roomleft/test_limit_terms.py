"""Decisions about limits laid over the packs: which one holds when, what is refused, and what no longer fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from roomleft.errors import InputError
from roomleft.limit_terms import check_decision, decision_of, laid, own_limit
from roomleft.packs import Pack
from roomleft.packs_shelf import PacksInUse
from tests.analytics.budget_shop import shop

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
METERS = (
    "  it: {kind: cost, unit: usd}\n  each: {kind: count, of: images, unit: images}\n  level: {kind: gauge, unit: gb, series: gb}"
)
LIMITS = """
  - {id: it, kind: budget, title: It, amount: 100, window: month, unit: usd, meter: it, owner: o}
  - {id: each, kind: quota, title: Each, amount: 10, window: day, per_user: true, unit: images, meter: each, owner: o}
  - {id: level, kind: capacity, title: Level, amount: 10, unit: gb, meter: level, owner: o}
"""
OWN = {
    "limit": {"kind": "budget", "title": "Mine", "amount": "40", "unit": "usd", "window": "week", "owner": "me"},
    "meter": {"kind": "cost", "unit": "usd"},
}


@dataclass(frozen=True)
class Decision:
    """As the state database keeps it."""

    id: int
    subject: str
    content: dict[str, Any]
    valid_from: datetime = NOW - DAY
    valid_to: datetime | None = None
    platform: str = "shop"
    rest: dict[str, Any] = field(default_factory=dict)


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    return shop(tmp_path, METERS, LIMITS)


def edit(number: int, days: int, until: int | None = None, **changes: Any) -> Decision:
    return Decision(number, "it", {"edit": changes}, NOW + days * DAY, NOW + until * DAY if until is not None else None)


def own(number: int, days: int) -> Decision:
    limit = OWN["limit"] | {"id": "mine", "meter": "mine"}
    return Decision(number, "mine", {"own": {"limit": limit, "meter": OWN["meter"]}}, NOW + days * DAY)


@pytest.mark.parametrize(
    ("decisions", "amount"),
    [
        ([], 100),
        ([edit(1, -5, amount="200")], 200),
        ([edit(1, 1, amount="200")], 100),
        ([edit(1, -5, amount="200"), edit(2, -1, amount="300")], 300),
        ([edit(1, -5, amount="200"), edit(2, 1, amount="300")], 200),
        ([edit(1, -5, until=-1, amount="200")], 100),
        ([edit(1, -9, amount="200"), edit(2, -5, until=-1, amount="300")], 200),
        ([edit(1, 0, amount="200")], 200),
    ],
    ids=[
        "nothing decided",
        "an edit",
        "one to come",
        "the later one",
        "the later one is to come",
        "over",
        "the older one is back",
        "from this instant",
    ],
)
def test_which_decision_holds(pack: Pack, decisions: list[Decision], amount: int) -> None:
    found, misfits = laid({"shop": pack}, decisions, NOW)
    assert found["shop"].limit("it").amount == amount
    assert misfits == []
    assert (found["shop"] is pack) is (not any(each.valid_from <= NOW for each in decisions))
    assert pack.limit("it").amount == 100, "the pack itself stays as its file says"


def test_the_amounts_that_held_before_are_known(pack: Pack) -> None:
    found, _ = laid({"shop": pack}, [edit(1, -9, amount="200"), edit(2, -5, until=-2, amount="300")], NOW)
    limit = found["shop"].limit("it")
    assert [limit.amount_at(NOW - days * DAY) for days in (30, 9, 6, 5, 3, 2, 0)] == [100, 200, 200, 300, 300, 200, 200]


def test_everything_that_can_be_edited_is(pack: Pack) -> None:
    changes = {
        "amount": "12.50", "window": {"period": "quarter", "zone": "Asia/Kolkata", "year_starts": 4}, "rollover": True, "owner": "finance",
        "recipients": ["cfo@example.com"], "tight_below": "0.2", "note": "agreed",
    }  # fmt: skip
    found, _ = laid({"shop": pack}, [edit(1, -1, **changes)], NOW)
    limit = found["shop"].limit("it")
    assert (limit.amount, limit.rollover, limit.owner, limit.recipients) == (
        Decimal("12.50"),
        True,
        "finance",
        ("cfo@example.com",),
    )
    assert (limit.tight_below, limit.note) == (Decimal("0.2"), "agreed")
    assert limit.window is not None
    assert (limit.window.period, limit.window.zone.key, limit.window.year_starts) == ("quarter", "Asia/Kolkata", 4)
    assert (limit.title, limit.meter_id, limit.unit) == ("It", "it", "usd")


def test_a_budget_that_no_pack_has_comes_and_goes(pack: Pack) -> None:
    ended = Decision(2, "mine", {"ended": True}, NOW - DAY)
    begun, _ = laid({"shop": pack}, [own(1, -5)], NOW)
    assert begun["shop"].limit("mine").amount == 40
    assert begun["shop"].meters["mine"].kind == "cost"
    assert [begun["shop"].limit("mine").amount_at(NOW - days * DAY) for days in (6, 5)] == [0, 40], (
        "what was not there left nothing"
    )
    assert [limit.limit_id for limit in laid({"shop": pack}, [own(1, 5)], NOW)[0]["shop"].limit_list()] == [
        "shop.it",
        "shop.each",
        "shop.level",
    ]
    assert "mine" not in {spec.id for spec in laid({"shop": pack}, [own(1, -5), ended], NOW)[0]["shop"].limits}


def test_a_decision_that_no_longer_fits_is_told_and_the_pack_holds(pack: Pack) -> None:
    strange = [
        Decision(1, "gone", {"edit": {"amount": "1"}}),
        Decision(2, "level", {"edit": {"window": "day"}}),
        edit(3, -1, amount="7"),
    ]
    found, misfits = laid({"shop": pack}, strange, NOW)
    assert [(each.term_id, each.limit_id) for each in misfits] == [(1, "shop.gone"), (2, "shop.level")]
    assert all(each.why for each in misfits)
    assert found["shop"].limit("it").amount == 7
    assert found["shop"].limit("level").amount == 10


@pytest.mark.parametrize(
    ("subject", "content", "words"),
    [
        ("it", {"edit": {"amount": 12.5}}, "an unquoted fraction would become a float"),
        ("it", {"edit": {"amount": "-1"}}, "greater than or equal to 0"),
        ("it", {"edit": {"ammount": "1"}}, "unknown key 'ammount'"),
        ("it", {"edit": {"window": {"period": "month", "zone": "Europe/Berln"}}}, "unknown time zone"),
        ("it", {"edit": {"recipients": ["x"]}}, "'x' is not an e-mail address"),
        ("it", {"edit": {"window": {"rolling": "30d"}, "rollover": True}}, "only a calendar window"),
        ("each", {"edit": {"window": {"rolling": "30d"}}}, "needs a calendar window"),
        ("level", {"edit": {"window": "day"}}, "no window that could be changed"),
        ("nope", {"edit": {"amount": "1"}}, "has no limit 'nope'"),
        ("it", {"ended": True}, "cannot be ended here"),
        ("it", {"end": True}, "unknown key 'end'"),
    ],
)
def test_what_cannot_be_decided_is_refused_in_words(pack: Pack, subject: str, content: Mapping[str, Any], words: str) -> None:
    with pytest.raises(InputError) as refused:
        check_decision(pack, subject, decision_of(content, f"shop.{subject}"))
    assert words in f"{refused.value}"


@pytest.mark.parametrize(
    ("limit", "meter", "words"),
    [
        ({}, {"unit": "images"}, "the limit is in usd, its meter in images"),
        ({"unit": "images"}, {"unit": "images"}, "a cost is in usd"),
        ({"unit": "tokens"}, {"kind": "count", "of": "images", "unit": "tokens"}, "images are not counted in tokens"),
        ({"kind": "slo"}, {}, "kind budget or quota"),
        ({"window": None}, {}, "has an amount and a window"),
        ({"per_user": True}, {"where": {"team": "a"}}, "use by user does not know the team"),
        ({"window": {"rolling": "7d"}}, {"where": {"user": "a"}}, "needs a calendar window"),
    ],
)  # fmt: skip
def test_a_budget_that_cannot_be_counted_is_refused(
    pack: Pack, limit: Mapping[str, Any], meter: Mapping[str, Any], words: str
) -> None:
    with pytest.raises(InputError) as refused:
        own_limit(pack, "mine", OWN["limit"] | limit, OWN["meter"] | meter)
    assert words in str(refused.value)
    with pytest.raises(InputError):
        own_limit(pack, "it", OWN["limit"], OWN["meter"])


def test_packs_in_use_are_laid_over_at_once_and_known_as_written(pack: Pack) -> None:
    packs = PacksInUse({"shop": pack})
    packs.lay_over(lambda written: laid(written, [edit(1, -1, amount="200")], NOW)[0])
    assert packs["shop"].limit("it").amount == 200
    assert packs.written["shop"] is pack
    packs.replace({"shop": pack.model_copy(update={"title": "Other"})})
    assert (packs["shop"].title, packs["shop"].limit("it").amount) == ("Other", 200)
