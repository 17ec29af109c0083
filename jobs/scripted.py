"""The alert engine over a store for the length of a pack test: the same looks and the same steps as in a server, kept in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from alerts.alert import Alert, Beat
from alerts.evaluation import evaluate
from analytics.conditions import look
from analytics.conditions_view import Remembered, View
from analytics.meters import Meters
from analytics.pace import changes_by_the_minute
from analytics.packtest_alerts import Beaten
from jobs.measure import HOUR, Paces, measure
from roomleft.clock import FixedClock
from roomleft.limits import Limit, Pace
from roomleft.packs import Pack
from roomleft.rule_words import Written
from roomleft.rules import Rule
from roomleft.rules_when import FORESEEN, HeadroomIs, leaves
from roomleft.slos import slos_of
from warehouse.store import Store


class ScriptPaces(Paces):
    """Paces for the minutes of a script: days of history do not come in while it runs, so that too little to go by stays too little for an hour."""

    def of(self, meters: Meters, limit: Limit) -> Pace:
        """The pace of a limit. Raises StoreError."""
        key = (meters.store.where, limit.limit_id)
        known = self.kept.get(key)
        if changes_by_the_minute(limit):
            return super().of(meters, limit)
        if known is None or not timedelta(0) <= meters.now - known[0] < HOUR:
            known = (meters.now, super().of(meters, limit))
            self.kept[key] = known
        return known[1]


def watch(store: Store, packs: Mapping[str, Pack], rules: Mapping[str, Rule], every: timedelta) -> Beaten:
    """Measures the limits that the rules ask for, and evaluates the rules, when called with an instant. Raises StoreError."""
    slos, remembered, paces = slos_of(packs), Remembered(), ScriptPaces()
    limits = limits_asked(rules, packs)
    asked = [leaf for rule in rules.values() for leaf in leaves(rule.when) if isinstance(leaf, HeadroomIs)]
    if any(leaf.question in FORESEEN for leaf in asked):
        from analytics.forecasting.at_once import AtOnce  # slow to import, and seldom needed

        foreseen = {slug: AtOnce(store, pack, limits) for slug, pack in packs.items()}
        paces.foresee = lambda pack, limit, reading, now: foreseen[pack.slug](pack, limit, reading, now)
    clock = FixedClock(datetime.min)
    standing: list[Alert] = []
    before: list[datetime] = []

    def beat(at: datetime) -> Sequence[Alert]:
        clock.at = at
        if limits:
            measure(store, packs, at, paces, only=limits)
        looked = look(View(store, packs, at, slos=slos, remembered=remembered), rules, at)
        done = evaluate(rules, looked, standing, Beat(at, before[-1] if before else None, every), Written(clock))
        standing[:] = done.alerts
        before[:] = [at]
        return done.alerts

    return beat


def limits_asked(rules: Mapping[str, Rule], packs: Mapping[str, Pack]) -> set[str]:
    """The limits whose headroom the rules ask for."""
    asked = {
        (rule.platform, leaf.headroom) for rule in rules.values() for leaf in leaves(rule.when) if isinstance(leaf, HeadroomIs)
    }
    found = {f"{platform}.{name}" for platform, name in asked if name != "*"}
    every = {platform for platform, name in asked if name == "*"}
    return found | {limit.limit_id for slug, pack in packs.items() if slug in every for limit in pack.limit_list()}
