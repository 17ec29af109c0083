"""Conditions over the stored headroom of limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from analytics.ahead import groundless
from analytics.conditions_board import ABSENT, HOLDS, NOT, UNTOLD, Board, Labels, Told, Truth, untold
from analytics.conditions_reading import Mask, limit_reaches_back, unless_half_read
from analytics.conditions_tape import NEVER, Floats, Ints, Rows, instant_of, micros, span_us
from analytics.conditions_view import Scene
from analytics.conditions_words import SIDE_WORDS, Line, exact
from analytics.wording import (
    HALF_READ,
    NARROW,
    amount_text,
    chance_text,
    date_text,
    monthly_text,
    number_text,
    range_text,
    span_text,
)
from roomleft.findings import Unknown
from roomleft.limits import Limit
from roomleft.rules import Rule
from roomleft.rules_when import ASKS, HeadroomIs
from warehouse.rows import as_rows

FRESH = timedelta(minutes=3)
"""Limits are measured at least each minute: a row older than this says that measuring has stalled."""
REACH = timedelta(minutes=15)
UNITS = {"fraction_left": "fraction", "burn_rate": "ratio", "p_breach": "ratio"}
DATED = ("exhausts_within", "order_within")
"""Questions about a date."""
STATES = ("unknown", "ok", "tight", "exhausted")


@dataclass
class Measured:
    """Rows of headroom by limit and time, and for each limit and instant the newest one that had arrived."""

    table: pa.Table
    limits: Mapping[str, int]
    newest: Rows
    as_of: Ints
    fresh_us: int

    @cached_property
    def half_read(self) -> Mask:
        """For each limit and instant whether the newest row says that history was still being read."""
        basis = [words == HALF_READ for words in self.table["basis"].to_pylist()]
        found: Mask = np.array([*basis, False], dtype=np.bool_)[self.newest]
        return found

    def half_read_of(self, platform: str) -> Mask:
        """At each instant whether the newest row of any limit of a platform says so."""
        mine = [place for limit_id, place in self.limits.items() if limit_id.startswith(f"{platform}.")]
        found: Mask = np.logical_or.reduce(self.half_read[mine], axis=0)
        return found

    @classmethod
    def read(cls, scene: Scene, offset_us: int, platforms: Sequence[str]) -> Measured:
        """The rows that the instants of a scene can see."""
        instants = scene.instants.before(offset_us)
        span = {
            "since": instant_of(int(instants.at[0])) - REACH - scene.view.slack,
            "until": instant_of(int(instants.at[-1])),
            "read_to": instant_of(int(instants.read_to[-1])),
        }
        return cls.of(scene.query("alert_headroom", platforms=list(platforms), **span), scene, offset_us)

    @classmethod
    def of(cls, table: pa.Table, scene: Scene, offset_us: int, fresh: timedelta = FRESH) -> Measured:
        """The same of rows sorted by limit and time, each of which is `fresh` for so long."""
        instants = scene.instants.before(offset_us)
        ids = table["limit_id"].to_pylist()
        limits: dict[str, int] = {}
        places = np.array([limits.setdefault(limit_id, len(limits)) for limit_id in ids], dtype=np.int64)
        as_of, arrived = micros(table["as_of"]), micros(table["arrived_at"])
        shown = instants.shown(as_of, arrived)
        newest = np.full((len(limits), len(instants)), -1, dtype=np.int64)
        rows = np.flatnonzero(shown < len(instants))
        newest[places[rows], shown[rows]] = rows
        np.maximum.accumulate(newest, axis=1, out=newest)
        found = np.append(as_of, NEVER)[newest]
        newest[found <= instants.at - span_us(REACH) - scene.slack_us] = -1
        return cls(table, limits, newest, as_of, span_us(fresh) + scene.slack_us)

    def row(self, row: int) -> dict[str, Any]:
        """One row as Python values."""
        return as_rows(self.table.slice(row, 1))[0]


def headroom_board(leaf: HeadroomIs, rule: Rule, measured: Measured, scene: Scene, offset_us: int) -> Board:
    """What a condition over headroom says at each instant."""
    instants = scene.instants.before(offset_us)
    n = len(instants)
    limits = limits_of(leaf, rule, scene)
    if isinstance(limits, str):
        return untold(Unknown.ERROR, limits, n)
    pack = scene.view.packs[rule.platform]
    labels: list[Labels] = [{"limit_id": limit.limit_id} if leaf.headroom == "*" else {} for limit in limits]
    places = [measured.limits.get(limit.limit_id, -1) for limit in limits]
    none = np.full((1, n), -1, dtype=np.int64)
    newest = np.concatenate([measured.newest, none])[places]
    asked = Asked(leaf, measured.table, limits)
    holds, still = asked.truth(newest, instants.at)
    as_of = np.append(measured.as_of, NEVER)[newest]
    old = as_of <= instants.at - measured.fresh_us
    holds[old], still[old] = UNTOLD, UNTOLD
    if leaf.headroom == "*":
        holds[newest < 0], still[newest < 0] = ABSENT, ABSENT

    def tell(g: int, i: int) -> Told:
        at = instant_of(int(instants.at[i]))
        row = int(newest[g, i])
        if row < 0:
            words = f"{limits[g].title} was not measured in the last {span_text(REACH)}"
            return Told(words, facts={"limit_id": limits[g].limit_id, "title": limits[g].title}, unknown=Unknown.NO_DATA)
        return asked.told(limits[g], measured.row(row), at, truth=int(holds[g, i]), is_old=bool(old[g, i]))

    board = Board(labels, holds, still, tell, lambda i: Told("no limit has been measured lately", unknown=Unknown.NO_DATA))
    # A row that is old says that first, whatever else it says.
    half = np.concatenate([measured.half_read, np.zeros((1, n), dtype=np.bool_)])[places] & ~old
    half[[not limit_reaches_back(pack, limit) for limit in limits]] = False
    return unless_half_read(board, half)


def limits_of(leaf: HeadroomIs, rule: Rule, scene: Scene) -> list[Limit] | str:
    """The limits that a condition speaks of, or why there are none."""
    pack = scene.view.packs.get(rule.platform)
    if pack is None:
        return f"there is no platform '{rule.platform}'"
    if leaf.headroom == "*":
        return [limit for limit in pack.limit_list() if leaf.kind is None or limit.kind == leaf.kind]
    if leaf.headroom not in {spec.id for spec in pack.limits}:
        return f"{rule.platform} has no limit '{leaf.headroom}'"
    return [pack.limit(leaf.headroom)]


class Asked:
    """The question that a condition asks of rows of headroom."""

    def __init__(self, leaf: HeadroomIs, table: pa.Table, limits: Sequence[Limit]) -> None:
        self.leaf, self.table = leaf, table
        self.question = next(name for name in ASKS if getattr(leaf, name) is not None)
        self.limits = limits

    def line(self, limit: Limit) -> Line:
        """The line compared with, in the unit of what is asked."""
        return Line.of(getattr(self.leaf, self.question), None, UNITS.get(self.question, limit.unit))

    def truth(self, newest: Rows, at: Ints) -> tuple[Truth, Truth]:
        """What the newest rows say. A row in state unknown cannot be told, nor one without the figure asked for."""
        state = np.array([STATES.index(word) for word in self.table["state"].to_pylist()] + [0], dtype=np.int8)[newest]
        if self.question == "state":
            assert self.leaf.state is not None, "it is what is asked"
            holds = np.where(state == 0, UNTOLD, np.where(state == STATES.index(self.leaf.state), HOLDS, NOT)).astype(np.int8)
            return holds, holds.copy()
        if self.question in DATED:
            holds = self._near(newest, at, state)
            return holds, holds.copy()
        column = self.table[self.question].combine_chunks().cast(pa.float64())
        values: Floats = np.append(column.to_numpy(zero_copy_only=False).astype(np.float64), np.nan)[newest]
        if self.question == "p_breach":
            values[state == STATES.index("exhausted")] = 1.0
        values[state == 0] = np.nan
        return Line.of(getattr(self.leaf, self.question), None).truth(values)

    @property
    def date(self) -> str:
        """The column of the date that is asked about."""
        return "order_by" if self.question == "order_within" else f"exhausts_{self.leaf.percentile}"

    def _near(self, newest: Rows, at: Ints, state: np.ndarray) -> Truth:
        within: timedelta = getattr(self.leaf, self.question)
        dates = np.append(micros(self.table[self.date]), NEVER)[newest]
        told = zip(self.table["basis"].to_pylist(), self.table["no_date"].to_pylist(), strict=True)
        untold = np.array([groundless(basis, why) for basis, why in told] + [True])[newest]
        near = np.where(dates != NEVER, np.where(dates - at <= span_us(within), HOLDS, NOT), np.where(untold, UNTOLD, NOT))
        over = state == STATES.index("exhausted")
        found = np.where(state == 0, UNTOLD, np.where(over, HOLDS, near)).astype(np.int8)
        if self.question == "order_within":
            found[[limit.next_step is None or limit.next_step.lead_time is None for limit in self.limits]] = NOT
        return found

    def told(self, limit: Limit, row: Mapping[str, Any], at: datetime, *, truth: int, is_old: bool) -> Told:
        """What a row says, in words."""
        facts = facts_of(limit, row, at)
        given = {"unit": UNITS.get(self.question, limit.unit), "observed_at": row["observed_at"], "facts": facts}
        if is_old:
            words = f"{limit.title} was last measured {span_text(at - row['as_of'])} ago"
            return Told(words, unknown=Unknown.STALE, **given)
        if truth == UNTOLD:
            why = row["reason"] if row["state"] == "unknown" else self._lacks(row)
            stale = row["state"] == "unknown" and row["observed_at"] is not None
            return Told(f"{limit.title}: {why}", unknown=Unknown.STALE if stale else Unknown.NO_DATA, **given)
        if self.question == "state":
            words = f"{limit.title} is {row['state']}" + (f": {row['reason']}" if row["reason"] else "")
            return Told(words, row["used"], row["amount"], **{**given, "unit": limit.unit})
        if self.question in DATED:
            return self._told_date(limit, row, at, given)
        line, value = self.line(limit), row[self.question]
        if self.question == "p_breach":
            return Told(
                chance_words(limit, line, 1.0 if value is None else value, holds=truth == HOLDS), value, line.amount, **given
            )
        amount = value if isinstance(value, Decimal) else exact(value)
        words = f"{limit.title}: {self.question.replace('_', ' ')} {line.words(amount, holds=truth == HOLDS)}"
        used = amount_text(row["used"], limit.unit) if row["used"] is not None else ""
        if used and self.question in ("fraction_left", "remaining"):
            words += f" ({used} of {amount_text(row['amount'], limit.unit)} used)"
        return Told(words, value, line.amount, **given)

    def _told_date(self, limit: Limit, row: Mapping[str, Any], at: datetime, given: Mapping[str, Any]) -> Told:
        line = Decimal(str(getattr(self.leaf, self.question).total_seconds()))
        date, unit = row[self.date], {"unit": "seconds"}
        if row["state"] == "exhausted":
            return Told(f"{limit.title} has run out: {row['reason']}", Decimal(0), line, **{**given, **unit})
        if date is None:
            orders = self.question == "order_within"
            words = "needs nothing ordered yet" if orders else "is not expected to run out"
            return Told(f"{limit.title} {words}", None, line, **{**given, **unit})
        left = max(Decimal(str((date - at).total_seconds())), Decimal(0))
        if self.question == "order_within":
            step = limit.next_step.what if limit.next_step else "the next step"
            when = f"by {date_text(date, at)}, in {span_text(date - at)}" if date > at else "now"
            return Told(f"{limit.title}: order {when}: {step}", left, line, **{**given, **unit})
        words = f"{limit.title} runs out {date_text(date, at)}, in {span_text(date - at)}"
        return Told(words, left, line, **{**given, **unit})

    def _lacks(self, row: Mapping[str, Any]) -> str:
        asked = {"exhausts_within": "no date", "order_within": "no date", "p_breach": "no chance", "burn_rate": "no burn rate"}
        return f"{asked.get(self.question, 'nothing')} can be told" + (f": {row['basis']}" if row["basis"] else "")


def chance_words(limit: Limit, line: Line, chance: float, *, holds: bool) -> str:
    """`AI budget: 82 % chance of running out before it refills, at or above 80 %`."""
    by = "before it refills" if limit.window is not None and limit.window.span is None else "within 30 days"
    share = f"{number_text(100 * line.amount)}{NARROW}%"
    return f"{limit.title}: {chance_text(chance)} chance of running out {by}, {SIDE_WORDS[line.side, holds]} {share}"


def facts_of(limit: Limit, row: Mapping[str, Any], at: datetime) -> dict[str, str]:
    """Words for templates and pages about a row of headroom."""
    facts = {"limit_id": limit.limit_id, "title": limit.title, "state": str(row["state"])}
    # Who reads a notice is not known, so nobody is told of one who used most of a limit for each user.
    facts["subject"] = "one user" if limit.per_user and row["subject"] else str(row["subject"] or "")
    facts["amount"] = amount_text(row["amount"], limit.unit)
    if row["used"] is not None:
        facts["used"] = amount_text(row["used"], limit.unit)
    if row["fraction_left"] is not None:
        facts["fraction_left"] = f"{row['fraction_left']:.4f}"
        facts["percent_left"] = f"{row['fraction_left'] * 100:.1f}"
    if row["burn_rate"] is not None:
        facts["burn_rate"] = f"{row['burn_rate']:.2f}"
    if row["p_breach"] is not None:
        facts |= {"p_breach": f"{row['p_breach']:.3f}", "chance": chance_text(row["p_breach"])}
    if row["exhausts_p50"] is not None:
        facts["exhausts_at"] = row["exhausts_p50"].isoformat()
        facts["exhausts_range"] = range_text(row["exhausts_p10"] or row["exhausts_p50"], row["exhausts_p90"], at)
    if row["order_by"] is not None:
        facts["order_by"] = row["order_by"].isoformat()
    if limit.next_step is not None:
        facts["next_step"] = limit.next_step.what
        if limit.next_step.cost_usd_per_month is not None:
            facts["next_step_usd_per_month"] = f"{limit.next_step.cost_usd_per_month:f}"
            facts["next_step_cost"] = monthly_text(limit.next_step.cost_usd_per_month)
    if row["window_start"] is not None and row["window_end"] is not None:
        facts["window"] = f"{row['window_start'].isoformat()}/{row['window_end'].isoformat()}"
        if limit.window is not None and limit.window.span is None:
            facts["refills_at"] = row["window_end"].isoformat()
    return {name: text for name, text in facts.items() if text}
