"""Each rule of each pack, in simulated time: under its fault it fires within its time, and after the fault it resolves; nothing else rings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from alerts.alert import LIVE
from roomleft.packs import Pack
from roomleft.packs_money import CostItem
from roomleft.packs_standin import StandinShape
from roomleft.rules import FiredBy, Rule
from roomleft.rules_when import AnomalyIs, BurnIs, leaves
from tests.packs.simulated import PACKS, World, asked_meters, asks_for_a_forecast, limits_of, reduced, rules_of, streams_of, world

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
QUICK = timedelta(minutes=45)
"""Rules that fire and resolve within this need no more than a little history, and some are played in every run of the tests."""
EVENING = datetime(2026, 11, 20, 19, 0, 7, tzinfo=UTC)
MONTH_END = datetime(2026, 11, 30, 13, 0, 7, tzinfo=UTC)
"""Half a day before a month, and a day, refill."""
EARLY = datetime(2026, 11, 8, 19, 0, 7, tzinfo=UTC)
"""While less than half of a monthly budget is spent, as it should be."""
HISTORY = {
    ("tabletop", "payments_fail"): 65,
    ("tabletop", "voice_flood"): 65,
    ("tabletop", "dull_stories"): 10,
    ("scribe", "user_exodus"): 35,
    ("scribe", "content_import"): 12,
    ("creator", "portrait_loop"): 35,
    ("coach", "memory_leak"): 8,
    ("coach", "usage_surge"): 9,
}
"""Days of history where a rule compares with more than a few."""
FORECAST = {
    ("scribe", "cost_spiral"): 35,
    ("scribe", "content_import"): 90,
    ("creator", "portrait_loop"): 35,
    ("creator", "storage_filling"): 60,
    ("arena", "cost_spiral"): 35,
    ("arena", "redis_memory_full"): 35,
    ("tabletop", "voice_flood"): 65,
    ("tabletop", "database_growth"): 60,
    ("coach", "disk_filling"): 60,
}
"""Days of history where a rule waits for what a forecast says."""
DAYS = {"quick": 1, "unusual": 8, "slow": 4}
"""Days of history of all others."""
BEGINS_EARLY = {"portrait_loop", "cost_spiral"}
"""Faults of a month's budget, which must not be spent before them."""
BREAKS_EVEN = {"casual": "30", "active": "540", "power": "1725"}
"""Monthly prices at which API cost is well below 30 % of revenue. The design names the lowest: $17.33, $331.97 and $1 106.50; at today's prices
tabletop's budget is broken before any fault."""


def fired_by(rule: Rule, fault: str) -> FiredBy:
    """What a rule says of a fault that fires it."""
    return next(each for each in rule.fired_by if each.fault == fault)


def is_quick(rule: Rule, fault: str) -> bool:
    """Whether it both fires and resolves soon."""
    said = fired_by(rule, fault)
    return (
        said.within <= QUICK and said.resolves_within <= QUICK and not any(isinstance(leaf, BurnIs) for leaf in leaves(rule.when))
    )


def is_of_the_unusual(rule: Rule) -> bool:
    """Whether it waits for an anomaly: looking for one costs more than all else that a rule of days or months needs."""
    return any(isinstance(leaf, AnomalyIs) for leaf in leaves(rule.when))


def pace_of(rule: Rule, fault: str) -> str:
    """With which other rules of the fault it is played: `quick`, `unusual` or `slow`."""
    return "quick" if is_quick(rule, fault) else "unusual" if is_of_the_unusual(rule) else "slow"


def kinds(pack: Pack, rules: Iterable[Rule]) -> set[str]:
    """The kinds of condition that the rules are written in, and of meter that they read."""
    found = set[str]()
    for leaf in (leaf for rule in rules for leaf in leaves(rule.when)):
        found |= {type(leaf).__name__, *(f"{type(leaf).__name__} {pack.meters[name].kind}" for name in asked_meters(pack, leaf))}
    return found


def cases() -> Iterator[object]:
    """(pack, fault, pace), one run for all rules of each.

    In every run of the tests a pack plays the fewest quick faults that have among them every kind of condition its quick rules are written in;
    the others are played with the peers.
    """
    for slug, pack in PACKS.items():
        played: dict[tuple[str, str], list[Rule]] = {}
        for rule in rules_of(slug).values():
            for each in rule.fired_by:
                played.setdefault((each.fault, pace_of(rule, each.fault)), []).append(rule)
        shown = {case: kinds(pack, rules) for case, rules in played.items() if case[1] == "quick"}
        wanted, always = set[str]().union(*shown.values()), set[tuple[str, str]]()
        while wanted:
            best = max(shown, key=lambda case: len(shown[case] & wanted))
            always.add(best)
            wanted -= shown[best]
        for fault, pace in played:
            marks = () if (fault, pace) in always else pytest.mark.peers
            yield pytest.param(slug, fault, pace, id=f"{slug}-{fault}{'' if pace == 'quick' else f'-{pace}'}", marks=marks)


def step(elapsed: timedelta) -> timedelta:
    """How long until the next look: a minute at first, then a sixth of the time it has taken so far, from the second day on a third; a day at most.

    A long pause makes a rule late, never early.
    """
    return min(max(MINUTE, elapsed // MINUTE // (6 if elapsed < DAY else 3) * MINUTE), DAY)


def shape_of(slug: str, fault: str, rules: Mapping[str, Rule]) -> StandinShape:
    """The platform as it is played."""
    shape = reduced(PACKS[slug], list(rules.values()))
    if (slug, fault) != ("tabletop", "payments_fail"):
        return shape
    tiers = [tier.model_copy(update={"price_usd_per_month": Decimal(BREAKS_EVEN[tier.name])}) for tier in shape.tiers]
    return shape.model_copy(update={"tiers": tiers})


def played(slug: str, fault: str, rules: Mapping[str, Rule], pace: str) -> World:
    """The platform with its history, looked at twice, before the fault."""
    pack = PACKS[slug]
    limits = [pack.limit_spec(name.partition(".")[2]) for name in limits_of(list(rules.values()))]
    refills = any(limit.window is not None for limit in limits)
    days, streams = HISTORY.get((slug, fault), DAYS[pace]), streams_of(pack, list(rules.values()))
    foreseen = asks_for_a_forecast(list(rules.values()))
    if foreseen:
        days = FORECAST[slug, fault]
    told = foreseen or (slug, fault) in HISTORY
    made = world(
        slug,
        MONTH_END if refills and not told else EARLY if fault in BEGINS_EARLY and refills else EVENING,
        days,
        streams=streams,
        rules=rules,
        shape=shape_of(slug, fault, rules),
        sparse=pace == "quick" or (foreseen and streams == ["samples"]),
    )
    made.measured = limits_of(list(rules.values()))
    for _ in range(2):
        made.clock.advance(MINUTE)
        made.beat()
    return made


def play(made: World, done: Callable[[], bool], limits: Iterable[timedelta]) -> datetime:
    """Look again and again until `done`, or all times are over, at each of which it is looked; from when."""
    began, ends = made.now, sorted(made.now + limit for limit in limits)
    while not done() and made.now < ends[-1]:
        pause = min(step(made.now - began), next(end for end in ends if end > made.now) - made.now)
        made.clock.advance(pause)
        made.beat(pause)
    return began


@pytest.mark.parametrize(("slug", "fault", "pace"), cases())
def test_rules_fire_within_their_time_under_their_fault_and_resolve_after_it(slug: str, fault: str, pace: str) -> None:
    rules = {
        name: rule
        for name, rule in rules_of(slug).items()
        if any(each.fault == fault for each in rule.fired_by) and pace_of(rule, fault) == pace
    }
    said = {name: fired_by(rule, fault) for name, rule in rules.items()}
    with closing(played(slug, fault, rules, pace)) as made:
        assert not [alert.reason for alert in made.alerts if alert.state in LIVE]
        made.switch(fault, True)
        began = play(made, lambda: set(made.fired) == set(rules), [each.within for each in said.values()])
        took = {name: at - began for name, at in made.fired.items()}
        assert set(took) == set(rules), [(alert.rule_id, alert.state, alert.reason, alert.unknown_words) for alert in made.alerts]
        assert {name: time for name, time in took.items() if time > said[name].within} == {}
        made.switch(fault, False)
        ended = play(made, lambda: set(made.resolved) == set(rules), [each.resolves_within for each in said.values()])
        took = {name: at - ended for name, at in made.resolved.items()}
        assert set(took) == set(rules), [(alert.rule_id, alert.state, alert.reason, alert.unknown_words) for alert in made.alerts]
        assert {name: time for name, time in took.items() if time > said[name].resolves_within} == {}


FIXED = {"arena": "StackOverBudget", "coach": "TierOverBudget"}


@pytest.mark.parametrize(("slug", "name"), FIXED.items())
def test_a_budget_that_equals_its_fixed_cost_is_full_at_the_end_of_its_month_and_broken_by_one_more_item(
    slug: str, name: str
) -> None:
    pack, rule = PACKS[slug], rules_of(slug)[name]
    for extra, fires in ((None, False), (Decimal("50"), True)):
        costs = pack.costs
        assert costs is not None
        if extra is not None:
            more = [CostItem(id="forgotten", title="An item nobody planned", usd_per_month=extra)]
            costs = costs.model_copy(update={"items": [*pack.cost_items(), *more], "cost_tier": None})
        changed = pack.model_copy(update={"costs": costs})
        last = datetime(2026, 11, 30, 23, 58, 7, tzinfo=UTC)
        with closing(world(slug, last, 1, streams=(), rules={name: rule}, pack=changed, shape=reduced(pack, [rule]))) as made:
            made.measured = limits_of([rule])
            made.beat()
            assert made.firing(name) is fires
            made.clock.at = datetime(2026, 12, 1, 0, 5, tzinfo=UTC)
            made.beat()
            assert not made.firing(name)
