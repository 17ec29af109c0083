"""Headroom of the past, worked out anew where none was stored: from what meters read then, without a pace and without a forecast.

Without them nobody knows when something would have run out, nor how likely; a limit is then tight by what is left of it alone. Only what had
run out is certain, as it is live. Where rows were stored they hold what was foreseen then, and a replay reads the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.conditions_board import ABSENT, HOLDS, NOT, UNTOLD, Board, Labels, Told, Truth, untold
from analytics.conditions_headroom import DATED, STATES, UNITS, Asked, Measured, chance_words, headroom_board, limits_of
from analytics.conditions_tape import Floats, Instants, instant_of, us
from analytics.conditions_view import Scene
from analytics.conditions_words import Line, exact
from analytics.history_columns import Columns, window_starts
from analytics.wording import amount_text
from roomleft.errors import RoomleftError
from roomleft.findings import Unknown
from roomleft.limits import Direction, Limit
from roomleft.rules import Rule
from roomleft.rules_when import HeadroomIs

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A limit's headroom at each instant; NaN where it cannot be told. `state`: a place in STATES."""

    limit: Limit
    amount: Floats
    used: Floats
    remaining: Floats
    fraction_left: Floats
    burn_rate: Floats
    state: Truth
    why: str


def recomputed(columns: Columns, limit: Limit, instants: Instants) -> Recomputed:
    """A limit's headroom from what its meter read. Never raises: what cannot be read is unknown."""
    n = len(instants)
    try:
        column = columns.read(limit.meter_id, limit)
        used, why = column.amount, column.why
        amount = _amounts(columns, limit, instants)
    except RoomleftError as error:
        used, amount, why = np.full(n, np.nan), np.full(n, float(limit.amount)), str(error)
    if limit.rollover:
        columns.note("without what the period before left over")
    ceiling = limit.direction is Direction.AT_MOST
    remaining = amount - used if ceiling else used - amount
    whole = amount if ceiling else np.maximum(used, amount)
    with np.errstate(divide="ignore", invalid="ignore"):
        fraction = np.where(whole > 0, remaining / whole, np.where(remaining == 0, 0.0, np.copysign(1.0, remaining)))
    fraction[np.isnan(remaining)] = np.nan
    tight = fraction <= float(limit.tight_below)
    state = np.where(np.isnan(remaining), 0, np.where(remaining < 0, 3, np.where(tight, 2, 1))).astype(np.int8)
    return Recomputed(limit, amount, used, remaining, fraction, _burn_rate(limit, used, amount, instants), state, why)


def _amounts(columns: Columns, limit: Limit, instants: Instants) -> Floats:
    amount = np.full(len(instants), float(limit.amount))
    for since, held in limit.earlier_amounts:
        amount[instants.at >= us(since)] = float(held)
    if limit.amount_per is None:
        return amount
    per = columns.read(limit.amount_per, limit).amount
    return amount * np.where(per > 0, per, np.nan)


def _burn_rate(limit: Limit, used: Floats, amount: Floats, instants: Instants) -> Floats:
    if limit.window is None or limit.window.span is not None or limit.direction is not Direction.AT_MOST:
        return np.full(len(instants), np.nan)
    start, end = window_starts(limit.window, instants.at)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = used / amount / ((instants.at - start) / (end - start))
    return np.where(np.isfinite(found), found, np.nan)


class Past:
    """Headroom at the instants of a scene: what was stored, and elsewhere what can be worked out."""

    def __init__(self, scene: Scene, columns_of: Callable[[str], Columns]) -> None:
        self.scene, self.columns_of = scene, columns_of
        self._kept: dict[tuple[str, int], tuple[Recomputed, list[str]]] = {}

    def board(self, leaf: HeadroomIs, rule: Rule, measured: Measured, instants: Instants, offset_us: int, note: Note) -> Board:
        """What a condition over headroom says at each instant."""
        stored = headroom_board(leaf, rule, measured, self.scene, offset_us)
        limits = limits_of(leaf, rule, self.scene)
        if isinstance(limits, str):
            return untold(Unknown.ERROR, limits, len(instants))
        lacking = (stored.holds == UNTOLD) & ~self._told_by_rows(limits, measured, instants) | (stored.holds == ABSENT)
        if not lacking.any():
            return stored
        holds, still = stored.holds.copy(), stored.still.copy()
        found: dict[int, Recomputed] = {}
        asked = Asked(leaf, measured.table, limits)
        for g in np.flatnonzero(lacking.any(axis=1)).tolist():
            found[g], notes = self.of(limits[g], offset_us, instants)
            truth, firing = _asked(leaf, asked, found[g])
            holds[g, lacking[g]], still[g, lacking[g]] = truth[lacking[g]], firing[lacking[g]]
            for words in (*notes, *_lacks(asked.question, limits[g])):
                note(words)
        note("headroom worked out anew where none was stored")
        labels: list[Labels] = list(stored.labels)

        def tell(g: int, i: int) -> Told:
            if not lacking[g, i]:
                return stored.tell(g, i)
            return _told(leaf, asked, found[g], i, int(holds[g, i]), instants)

        return Board(labels, holds, still, tell, stored.nothing)

    def of(self, limit: Limit, offset_us: int, instants: Instants) -> tuple[Recomputed, list[str]]:
        """A limit's headroom, worked out once, with what is to be noted of it."""
        key = (limit.limit_id, offset_us)
        if key not in self._kept:
            columns, notes = self.columns_of(limit.platform), list[str]()
            with columns.noting(notes.append):
                self._kept[key] = recomputed(columns, limit, instants), notes
        return self._kept[key]

    def _told_by_rows(self, limits: list[Limit], measured: Measured, instants: Instants) -> np.ndarray:
        """Where a fresh row is the reason why nothing can be told: its own word counts."""
        places = [measured.limits.get(limit.limit_id, -1) for limit in limits]
        newest = np.concatenate([measured.newest, np.full((1, len(instants)), -1, dtype=np.int64)])[places]
        as_of = np.append(measured.as_of, -(2**62))[newest]
        fresh: np.ndarray = as_of > instants.at - measured.fresh_us
        return fresh


def _asked(leaf: HeadroomIs, asked: Asked, found: Recomputed) -> tuple[Truth, Truth]:
    if asked.question == "state":
        assert leaf.state is not None, "it is what is asked"
        holds = np.where(found.state == 0, UNTOLD, np.where(found.state == STATES.index(leaf.state), HOLDS, NOT)).astype(np.int8)
        return holds, holds
    over = found.state == STATES.index("exhausted")
    if asked.question in DATED:
        orders = asked.question == "order_within"
        nothing_to_order = orders and (found.limit.next_step is None or found.limit.next_step.lead_time is None)
        holds = np.where(nothing_to_order, NOT, np.where(over, HOLDS, UNTOLD)).astype(np.int8)
        return holds, holds
    if asked.question == "p_breach":
        # What has run out is certain; of everything else no forecast of then is known.
        return Line.of(getattr(leaf, asked.question), None).truth(np.where(over, 1.0, np.nan))
    values: Floats = getattr(found, asked.question)
    return Line.of(getattr(leaf, asked.question), None).truth(values)


def _lacks(question: str, limit: Limit) -> list[str]:
    if question in DATED:
        return ["when it would have run out is not known where no headroom was stored"]
    if question == "p_breach":
        return ["no chance is known where no headroom was stored"]
    if question == "burn_rate" and limit.window is not None and limit.window.span is not None:
        return ["no burn rate of a rolling window is known where no headroom was stored"]
    return ["tight by what is left alone, as no pace is known"] if question == "state" else []


def _told(leaf: HeadroomIs, asked: Asked, found: Recomputed, i: int, truth: int, instants: Instants) -> Told:
    limit, at = found.limit, instant_of(int(instants.at[i]))
    facts = {"limit_id": limit.limit_id, "title": limit.title, "state": STATES[int(found.state[i])]}
    given: dict[str, Any] = {"unit": UNITS.get(asked.question, limit.unit), "observed_at": at, "facts": facts}
    if truth == UNTOLD:
        why = found.why if found.state[i] == 0 else "it cannot be told of the past"
        return Told(f"{limit.title}: {why}", unknown=Unknown.NO_DATA, **given)
    used, amount = exact(round(float(found.used[i]), 9)), exact(round(float(found.amount[i]), 9))
    facts |= {"used": amount_text(used, limit.unit), "amount": amount_text(amount, limit.unit)}
    if asked.question in ("state", *DATED):
        words = f"{limit.title} is {facts['state']}: {facts['used']} of {facts['amount']}"
        return Told(words, used, amount, **{**given, "unit": limit.unit})
    if asked.question == "p_breach":
        line = asked.line(limit)
        return Told(chance_words(limit, line, 1.0, holds=truth == HOLDS), 1.0, line.amount, **given)
    line, value = asked.line(limit), exact(round(float(getattr(found, asked.question)[i]), 9))
    words = f"{limit.title}: {asked.question.replace('_', ' ')} {line.words(value, holds=truth == HOLDS)}"
    return Told(words, value, line.amount, **given)
