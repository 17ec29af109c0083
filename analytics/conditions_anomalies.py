"""Conditions over stored anomalies: what stood at each instant, as it had been found by then."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from analytics.anomalies.finding import without_users
from analytics.conditions_board import ABSENT, HOLDS, NOT, Board, Labels, Told
from analytics.conditions_tape import EPOCH, Ints, instant_of, span_us, us
from analytics.conditions_view import REMEMBERED, Scene
from analytics.conditions_words import exact
from analytics.wording import amount_text
from roomleft.rules import Rule
from roomleft.rules_when import AnomalyIs
from warehouse.rows import as_rows

STAYS_STEPS = 2
STAYS = timedelta(minutes=30)
"""An anomaly is over when it was not found to go on for so many of its steps and this long: the next reading has then been looked at."""
FOREVER = 2**62


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it came. It is what there is to say of its anomaly from `found` on, until `replaced`."""

    row: Mapping[str, Any]
    about_at: int
    over_at: int
    found: int
    replaced: int
    causes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Anomalies:
    """The rows of some platforms by series."""

    by_target: Mapping[tuple[str, str, str], Sequence[Row]]

    @classmethod
    def read(cls, scene: Scene, platforms: Sequence[str]) -> Anomalies:
        """What a scene's instants may see."""
        first, last = instant_of(int(scene.instants.at[0])), instant_of(int(scene.instants.at[-1]))
        given = {"since": first - 2 * REMEMBERED, "until": last, "read_to": instant_of(int(scene.instants.read_to[-1]))}
        rows = as_rows(scene.query("alert_anomalies", platforms=list(platforms), **given))
        replaced: dict[str, int] = {}
        found: dict[tuple[str, str, str], list[Row]] = {}
        for row in reversed(rows):
            causes = json.loads(row["causes"] or "{}")
            step = timedelta(seconds=int(causes.get("step_s", 900)))
            over = row["about_to"] + STAYS_STEPS * step + STAYS
            kept = Row(row, us(row["about_at"]), us(over), us(row["found_at"]), replaced.get(row["anomaly_id"], FOREVER), causes)
            replaced[row["anomaly_id"]] = kept.found
            found.setdefault((row["platform"], row["target"], row["form"]), []).append(kept)
        return cls({key: tuple(reversed(each)) for key, each in found.items()})


def anomaly_board(leaf: AnomalyIs, rule: Rule, anomalies: Anomalies, scene: Scene, offset_us: int) -> Board:
    """What a condition over anomalies says at each instant. No anomaly: nothing holds."""
    instants = scene.instants.before(offset_us)
    chosen = [
        (target, rows)
        for (platform, target, form), rows in sorted(anomalies.by_target.items())
        if platform == rule.platform and form == leaf.form and _is_asked(leaf, target, rows)
    ]
    holds = np.full((len(chosen), len(instants)), ABSENT, dtype=np.int8)
    speaks: Ints = np.full(holds.shape, -1, dtype=np.int64)
    for g, (_, rows) in enumerate(chosen):
        for place, row in enumerate(rows):
            seen = (instants.read_to >= row.found) & (instants.read_to < row.replaced) & (instants.at >= row.about_at)
            known = seen & (instants.at < row.over_at + span_us(REMEMBERED))
            holds[g, known] = np.maximum(holds[g, known], NOT)
            speaks[g, known & (holds[g] != HOLDS)] = place
            if _counts(leaf, row):
                on = seen & (instants.at < row.over_at + scene.slack_us)
                holds[g, on] = HOLDS
                speaks[g, on] = place
    labels: list[Labels] = [{"target": target} if leaf.target in (None, "*") else {} for target, _ in chosen]

    def tell(g: int, i: int) -> Told:
        target, rows = chosen[g]
        if speaks[g, i] < 0:
            return Told(f"{target}: nothing unusual", facts={"target": target, "subject": target})
        return _told(target, rows[int(speaks[g, i])], holds=bool(holds[g, i] == HOLDS))

    return Board(labels, holds, holds.copy(), tell)


def _is_asked(leaf: AnomalyIs, target: str, rows: Sequence[Row]) -> bool:
    if rows[0].causes.get("metric") != leaf.anomaly:
        return False
    return leaf.target == "*" or target == leaf.target or (leaf.target is None and "#" not in target)


def _counts(leaf: AnomalyIs, found: Row) -> bool:
    row = found.row
    if row["known_as"] or (leaf.p_below is not None and row["p_value"] >= float(leaf.p_below)):
        return False
    return leaf.side is None or (leaf.side == "above") == (row["value"] > row["expected"])


def _told(target: str, found: Row, *, holds: bool) -> Told:
    row = found.row
    value, expected = exact(round(row["value"], 9)), exact(round(row["expected"], 9))
    # What was stored once may name a user, and nobody knows who reads a notice.
    cause = str(without_users(found.causes).get("words", ""))
    facts = {
        "target": target,
        "subject": target,
        "expected": amount_text(expected, row["unit"]),
        "cause": cause,
        "began_at": (EPOCH + timedelta(microseconds=found.about_at)).isoformat(),
        "p_value": f"{row['p_value']:.2g}",
    }
    if row["known_as"]:
        words = f"{target} is known as {row['known_as']}"
    else:
        was = "is" if holds else "was"
        words = f"{target} {was} {amount_text(value, row['unit'])}, {facts['expected']} expected" + (
            f": {cause}" if cause else ""
        )
    return Told(words, value, expected, row["unit"], row["about_to"], facts)
