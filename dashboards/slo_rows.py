"""What the SLOs page and its API tell of each SLO: its budget, how fast it burns, and the incidents that spent it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from alerts.book import Book
from alerts.episodes import Episode, mean_time_to_recover
from analytics.slo_budgets import BURN_WINDOWS, Budget, Spent, allowed_of, budget_over_time, budgets, spent_in
from analytics.slo_burns import Burn, Looking, burns
from dashboards.parts import Parts
from roomleft.findings import Severity
from roomleft.limits import State
from roomleft.slos import Minutes, Slo

TIGHT_BELOW = 0.1
BEFORE_AN_INCIDENT = timedelta(hours=1)
"""A deploy so long before an incident may have to do with it."""
SEEN_LATE = timedelta(minutes=5)
"""An alert sees an incident after it began: what the time just before took counts as the incident's."""
MTTR_OVER = timedelta(days=30)
MOST_INCIDENTS = 50
RULES_OWN = ("alertname", "platform", "severity", "component", "owner")
"""Labels that every alert of a rule has."""


@dataclass(frozen=True, slots=True)
class SloRow:
    """One SLO as it stands. `burns` are of BURN_WINDOWS."""

    slo: Slo
    budget: Budget
    burns: tuple[Burn, ...]
    state: State
    tight_below: float = TIGHT_BELOW

    @property
    def words(self) -> str:
        """Why it is unknown."""
        return self.budget.words or next((each.words for each in self.burns if each.unknown is not None), "")

    @property
    def unit(self) -> str:
        """What its budget is counted in."""
        return "minutes" if isinstance(self.slo.indicator, Minutes) else "events" if self.slo.slice_window is None else "slices"


@dataclass(frozen=True, slots=True)
class Incident:
    """An alert's episode that spent budget, and the newest deploy of its platform in the hour before it."""

    episode: Episode
    title: str
    spent: Spent
    deploy: Mapping[str, Any] | None

    @property
    def of(self) -> str:
        """What it was about, where a rule has an alert for each of several things."""
        own = {name: value for name, value in self.episode.labels.items() if name not in RULES_OWN}
        return ", ".join(f"{name} {value}" for name, value in sorted(own.items()))


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long critical incidents of a platform lasted that were over in the last 30 days."""

    platform: str
    incidents: int
    median: timedelta | None
    mean: timedelta | None
    open: int


def view_of(parts: Parts, now: datetime) -> Looking:
    """The warehouse as it is, and the SLOs in force."""
    return Looking(parts.store, parts.packs, parts.slos(), parts.store.now.now(), parts.slack)


def slo_rows(parts: Parts, now: datetime, platform: str | None = None) -> list[SloRow]:
    """Every SLO, worst first. A pack's limit has the budget that its stored headroom says: no two pages disagree."""
    view = view_of(parts, now)
    slos = [slo for slo in view.slos.values() if platform in (None, slo.platform) and slo.platform in parts.packs]
    stored = {row["limit_id"]: row for row in parts.store.rows("headroom_now")}
    burned = burns(view, [(slo.slo_id, window) for slo in slos for window in BURN_WINDOWS if window <= slo.period], now)
    own = budgets(view, [slo for slo in slos if slo.limit_id not in stored], now)
    rows = []
    for slo in slos:
        each = tuple(burned[slo.slo_id, window] for window in BURN_WINDOWS if (slo.slo_id, window) in burned)
        if slo.slo_id in own:
            rows.append(SloRow(slo, own[slo.slo_id], each, _state(own[slo.slo_id])))
        else:
            rows.append(_of_headroom(parts, slo, stored[slo.limit_id], each, now))
    worst = {State.EXHAUSTED: 0, State.TIGHT: 1, State.UNKNOWN: 2, State.OK: 3}
    return sorted(rows, key=lambda row: (worst[row.state], row.budget.left if row.budget.left is not None else 2, row.slo.slo_id))


def _state(budget: Budget) -> State:
    if budget.left is None:
        return State.UNKNOWN
    if budget.left <= 0:
        return State.EXHAUSTED
    return State.TIGHT if budget.left < TIGHT_BELOW else State.OK


def _of_headroom(parts: Parts, slo: Slo, row: Mapping[str, Any], each: tuple[Burn, ...], now: datetime) -> SloRow:
    start, end = slo.window.bounds(now)
    pack = parts.packs[slo.platform]
    state = State(row["state"])
    # A row that nobody renewed tells nothing of now.
    old = now - row["as_of"] > timedelta(minutes=5) + parts.slack
    bad, amount = float(row["used"] or 0), float(row["amount"])
    left = row["fraction_left"] if state is not State.UNKNOWN and not old else None
    words = row["reason"] if state is State.UNKNOWN else "its budget has not been measured lately" if old else ""
    total = amount / float(slo.budget)
    budget = Budget(
        slo.slo_id, row["window_start"] or start, row["window_end"] or end, bad, total, amount, left, words, row["observed_at"]
    )
    tight = float(pack.limit(slo.limit_id).tight_below) if slo.limit_id else TIGHT_BELOW
    return SloRow(slo, budget, each, State.UNKNOWN if old else state, tight)


def history(parts: Parts, slo: Slo, now: datetime) -> list[tuple[datetime, float | None]]:
    """The share of its budget left over the last window."""
    return budget_over_time(view_of(parts, now), slo, now)


def incidents(parts: Parts, row: SloRow, now: datetime) -> list[Incident]:
    """The episodes of the platform's alerts in the window in which the SLO's indicator counted anything bad, the costliest first.

    Those of alerts on this very SLO, and every critical one.
    """
    slo, budget = row.slo, row.budget
    start = max(budget.start, now - timedelta(days=90))
    episodes = [
        each
        for each in Book(parts.state).episodes(start - timedelta(days=1), now, platform=slo.platform)
        if each.started is not None
        and (each.ended or now) > start
        and (each.severity is Severity.CRITICAL or _about(parts, each, slo))
    ][-MOST_INCIDENTS:]
    deploys = (
        parts.store.rows("page_deploys", since=start - BEFORE_AN_INCIDENT, until=now, platform=slo.platform) if episodes else []
    )
    if budget.allowed <= 0:
        budget = budgets(view_of(parts, now), [slo], now)[slo.slo_id]
    taken = spent_in(view_of(parts, now), slo, [(each.pending_at - SEEN_LATE, each.ended or now) for each in episodes], budget)
    found = [
        Incident(each, _title(parts, each), spent, _deploy_before(deploys, each.pending_at))
        for each, spent in zip(episodes, taken, strict=True)
        if spent.bad > 0
    ]
    return sorted(found, key=lambda each: -each.spent.bad)


def _about(parts: Parts, episode: Episode, slo: Slo) -> bool:
    rule = parts.rules.get(episode.rule_id)
    return rule is not None and rule.facts.get("slo") == slo.name


def _title(parts: Parts, episode: Episode) -> str:
    rule = parts.rules.get(episode.rule_id)
    return rule.title if rule is not None else episode.labels.get("alertname", episode.rule_id)


def _deploy_before(deploys: Sequence[Mapping[str, Any]], at: datetime) -> Mapping[str, Any] | None:
    return next((each for each in deploys if at - BEFORE_AN_INCIDENT <= each["deployed_at"] <= at), None)


def recoveries(parts: Parts, now: datetime, platform: str | None = None) -> list[Recovery]:
    """How long critical incidents lasted, for each platform in force."""
    found: dict[str, list[Episode]] = {slug: [] for slug in parts.packs if platform in (None, slug)}
    for each in Book(parts.state).episodes(now - MTTR_OVER, now + timedelta(seconds=1), severity=Severity.CRITICAL):
        if each.started is not None and each.platform in found:
            found[each.platform].append(each)
    told = []
    for slug, those in found.items():
        lasted = [one.lasted.total_seconds() for one in those if one.lasted is not None]
        told.append(
            Recovery(
                slug,
                len(lasted),
                timedelta(seconds=median(lasted)) if lasted else None,
                mean_time_to_recover(those),
                sum(one.ended is None for one in those),
            )
        )
    return told


def allowed_words(row: SloRow) -> tuple[float, float]:
    """How much of the budget is gone, and how much it is, in its unit."""
    return row.budget.bad, row.budget.allowed or allowed_of(row.slo, row.budget.total)
