"""Scores of a pack: weighted terms over the newest readings of each subject, such as each replica of a database.

score = Σ weight · term, where a term is 1 or 0 (`below` an amount), 1 − used ÷ most (`free_share`), or the reading itself (`share`); the
weights add up to 1. A score with a reading that is missing or old is unknown: half a score would compare with nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from analytics.meter_samples import exact
from roomleft.packs import Pack
from roomleft.packs_parts import Score, ScoreTerm
from warehouse.store import Store

FRESH_FOR = timedelta(minutes=5)
LOOK_BACK = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Term:
    """One term as it stands: its reading (and for `free_share` the most there is), and what it adds to the score.

    `contribution` None: it cannot be told, and `reason` says why.
    """

    series: str
    kind: str
    weight: Decimal
    reading: Decimal | None
    of: Decimal | None
    contribution: Decimal | None
    observed_at: datetime | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Scored:
    """The score of one subject (the value of the score's `by` label, '' without one), between 0 and 1; None when it is unknown.

    `observed_at` is the oldest of the readings it is made of.
    """

    score_id: str
    title: str
    subject: str
    value: Decimal | None
    terms: tuple[Term, ...]
    observed_at: datetime | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Newest:
    value: float | None
    observed_at: datetime


def scores(store: Store, pack: Pack, now: datetime) -> list[Scored]:
    """Every score of the pack for every subject that has ever given one of its readings, by score and best first; the unknown last.

    Raises StoreError.
    """
    if not pack.scores:
        return []
    series = store.rows("meter_series", platform=pack.slug)
    stale_after = max(FRESH_FOR, 3 * pack.interval)
    found: list[Scored] = []
    for score_id, score in pack.scores.items():
        readings = _readings(store, score, series, now)
        subjects = sorted({subject for _, subject in readings})
        scored = [_scored(score_id, score, subject, readings, now, stale_after) for subject in subjects]
        found += sorted(scored, key=lambda one: (one.value is None, -(one.value or 0), one.subject))
    return found


def _readings(store: Store, score: Score, series: list[dict[str, Any]], now: datetime) -> dict[tuple[str, str], _Newest | None]:
    """The newest reading of each (series, subject); None for one that has been seen, but not lately."""
    wanted = {name for term in score.terms for name in (term.series, term.of) if name}
    places: dict[int, tuple[str, str]] = {}
    for row in series:
        labels = row["labels"] if isinstance(row["labels"], Mapping) else {}
        if row["name"] in wanted and (score.by is None or score.by in labels):
            places[int(row["series_id"])] = (row["name"], str(labels[score.by]) if score.by else "")
    newest: dict[tuple[str, str], _Newest | None] = dict.fromkeys(places.values())
    if not places:
        return newest
    for row in store.rows("score_readings", ids=list(places), since=now - LOOK_BACK, now=now):
        place = places[int(row["series_id"])]
        known = newest[place]
        # A subject that moved to another address has a series for each: the latest speaks for it.
        if known is None or row["observed_at"] > known.observed_at:
            newest[place] = _Newest(row["value"], row["observed_at"])
    return newest


def _scored(
    score_id: str,
    score: Score,
    subject: str,
    readings: Mapping[tuple[str, str], _Newest | None],
    now: datetime,
    stale_after: timedelta,
) -> Scored:
    terms = tuple(_term(term, subject, readings, now, stale_after) for term in score.terms)
    instants = [term.observed_at for term in terms if term.observed_at is not None]
    observed_at = min(instants) if len(instants) == len(terms) else None
    reason = next((term.reason for term in terms if term.contribution is None), "")
    value = None if reason else sum((term.contribution or Decimal(0) for term in terms), Decimal(0))
    return Scored(score_id, score.title, subject, value, terms, observed_at, reason)


def _term(
    term: ScoreTerm, subject: str, readings: Mapping[tuple[str, str], _Newest | None], now: datetime, stale_after: timedelta
) -> Term:
    reading, observed_at, reason = _fresh(term.series, subject, readings, now, stale_after)
    of: Decimal | None = None
    if term.of is not None and not reason:
        of, of_at, reason = _fresh(term.of, subject, readings, now, stale_after)
        observed_at = min(observed_at, of_at) if observed_at and of_at else None
    points: Decimal | None = None
    if not reason and reading is not None:
        points, reason = _points(term, reading, of)
    contribution = None if points is None else term.weight * points
    return Term(term.series, term.kind, term.weight, reading, of, contribution, observed_at, reason)


def _points(term: ScoreTerm, reading: Decimal, of: Decimal | None) -> tuple[Decimal | None, str]:
    """A term's value between 0 and 1, or why it has none."""
    if term.kind == "below":
        assert term.amount is not None, "the model lets no `below` through without an amount"
        return Decimal(int(reading < term.amount)), ""
    if term.kind == "share":
        return (reading, "") if 0 <= reading <= 1 else (None, f"{term.series} reads {reading.normalize():f}, which is no share")
    if of is None or of <= 0:
        return None, f"{term.of} reads none to have a share of"
    if reading < 0:
        return None, f"{term.series} reads less than none"
    return max(Decimal(0), 1 - reading / of), ""


def _fresh(
    series: str, subject: str, readings: Mapping[tuple[str, str], _Newest | None], now: datetime, stale_after: timedelta
) -> tuple[Decimal | None, datetime | None, str]:
    """(reading, when, why there is none)."""
    newest = readings.get((series, subject))
    if newest is None:
        return None, None, f"no readings of {series}"
    if newest.value is None:
        return None, newest.observed_at, f"{series} has ended: its source no longer gives it"
    if not math.isfinite(newest.value):
        return None, newest.observed_at, f"{series} reads no number"
    if now - newest.observed_at > stale_after:
        return None, newest.observed_at, f"no readings of {series} since {newest.observed_at:%Y-%m-%d %H:%M} UTC"
    return exact(newest.value), newest.observed_at, ""
