"""Replays agree with what was seen live, to the last bit; and history that nobody evaluated is told from what is stored of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from analytics.conditions import look
from analytics.history import Stretch, stretches
from roomleft.findings import Looked, Unknown
from roomleft.rules import Rule
from tests.analytics.looking import MINUTE, NOW, SECOND, Watched, rule
from warehouse import tables

WHENS: dict[str, dict[str, Any]] = {
    "Mean": {"series": "lag_s", "by": ["replica"], "over": "3m", "above": 50, "clear": 40},
    "Last": {"series": "lag_s", "over_time": "last", "across": "max", "above": 80},
    "Most": {"series": "lag_s", "by": ["replica"], "over_time": "max", "over": "2m", "at_least": 90},
    "Least": {"series": "lag_s", "over_time": "min", "across": "min", "over": "90s", "below": 10},
    "Sum": {"series": "stored_gb", "across": "sum", "over_time": "last", "above": 120},
    "Rise": {"series": "failed_total", "by": ["route"], "over_time": "increase", "over": "4m", "at_least": 60},
    "Rate": {"series": "failed_total", "over_time": "rate", "across": "sum", "over": "2m", "above": "0.5"},
    "Failing": {"health": "database", "status": ["fail", "warn"]},
    "Checked": {"health": "database", "check": "answers"},
    "Silent": {"source": "*", "silent_for": "90s"},
    "Absent": {"absent": "lag_s", "by": ["replica"], "for_longer_than": "2m"},
    "Gone": {"absent": "stored_gb", "for_longer_than": "3m"},
    "Room": {"headroom": "lag", "fraction_left": {"below": "0.3"}},
    "Tight": {"headroom": "*", "state": "tight"},
    "Soon": {"headroom": "ai_budget", "exhausts_within": "2h"},
    "Likely": {"headroom": "ai_budget", "p_breach": {"at_least": "0.8", "clear": "0.6"}},
    "Order": {"headroom": "ai_budget", "order_within": "2h"},
    "Both": {"all": [{"series": "lag_s", "by": ["replica"], "over": "2m", "above": 40}, {"headroom": "lag", "state": "tight"}]},
    "Either": {"any": [{"health": "database", "check": "answers"}, {"series": "stored_gb", "by": ["disk"], "above": 60}]},
}


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    world = Watched(tmp_path)
    yield world
    world.close()


def rules() -> dict[str, Rule]:
    """A rule of each kind, some of which look a little into the past."""
    made = [rule(when, name, offset=SECOND * 30 * (n % 3)) for n, (name, when) in enumerate(WHENS.items())]
    return {each.rule_id: each for each in made}


class Chance:
    """Readings, answers and measurements at random, with random times of arrival."""

    def __init__(self, seed: int, minutes: int = 25) -> None:
        self.random = random.Random(seed)
        self.begin, self.end = NOW - minutes * MINUTE, NOW

    def instants(self, every: timedelta) -> Iterator[datetime]:
        at = self.begin + timedelta(seconds=self.random.uniform(0, 20))
        while at < self.end:
            yield at
            at += every * self.random.uniform(0.7, 1.4)
            if self.random.random() < 0.04:
                at += timedelta(seconds=self.random.uniform(60, 420))

    def arrived(self, at: datetime) -> datetime:
        late = self.random.choice((0.2, 0.5, 3.0, 20.0, 100.0)) * self.random.random()
        return at + timedelta(microseconds=int(late * 1e6))

    def samples(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        series, rows = [], []
        labelled = [("lag_s", {"replica": f"r{n}", "source": "app"}) for n in range(3)]
        labelled += [("stored_gb", {"disk": d, "source": "app"}) for d in "ab"]
        labelled += [("failed_total", {"route": r, "source": "app"}) for r in ("x", "y")]
        labelled += [("up", {"source": "shop.app", "stream": "samples"})]
        for name, labels in labelled:
            component = "collector" if name == "up" else "database"
            series_id = tables.series_id("shop", component, name, labels)
            series.append(
                {
                    "series_id": series_id,
                    "platform": "shop",
                    "component": component,
                    "name": name,
                    "labels": labels,
                    "seen_at": self.begin,
                }
            )
            total, born = 0.0, self.random.random() < 0.4
            for n, at in enumerate(self.instants(timedelta(seconds=20))):
                if born and n < 15:
                    continue
                value: float | None = self.random.uniform(0, 100)
                if name == "failed_total":
                    total = 0.0 if self.random.random() < 0.03 else total + self.random.choice((0.0, 1.0, 17.5))
                    value = total
                if name == "up":
                    value = float(self.random.random() > 0.1)
                elif self.random.random() < 0.05:
                    value = self.random.choice((None, float("nan"), float("inf")))
                rows.append({"series_id": series_id, "observed_at": at, "value": value, "ingested_at": self.arrived(at)})
        return series, rows

    def health(self) -> list[dict[str, Any]]:
        found = []
        for check in ("answers", "pool", "reads app"):
            for at in self.instants(timedelta(seconds=45)):
                status = self.random.choice(("pass", "pass", "pass", "warn", "fail", "unknown"))
                found.append(
                    {
                        "platform": "shop", "component": "database", "check_name": check, "observed_at": at, "status": status,
                        "value": None, "unit": None, "words": status, "ingested_at": self.arrived(at),
                    }
                )  # fmt: skip
        return found

    def headroom(self) -> list[dict[str, Any]]:
        found = []
        for limit_id, kind, unit in (("shop.lag", "capacity", "seconds"), ("shop.ai_budget", "budget", "usd")):
            for at in self.instants(timedelta(seconds=40)):
                state = self.random.choice(("ok", "tight", "exhausted", "unknown"))
                fraction = None if state == "unknown" else self.random.uniform(-0.2, 1)
                date = at + timedelta(hours=self.random.uniform(0, 5)) if self.random.random() < 0.6 else None
                likely = self.random.random() if self.random.random() < 0.8 else None
                order = date - timedelta(hours=2) if date is not None and self.random.random() < 0.7 else None
                stored = at if self.random.random() < 0.1 else self.arrived(at)
                found.append(
                    {
                        "limit_id": limit_id, "platform": "shop", "kind": kind, "unit": unit, "amount": Decimal(60),
                        "used": Decimal(30), "remaining": Decimal(30), "fraction_left": fraction, "state": state, "reason": state,
                        "exhausts_p50": date, "subject": "", "basis": self.random.choice(("recent rate", "3 of 7 days needed")),
                        "lower_bound": False, "freshness": "provisional", "as_of": at, "stored_at": stored, "p_breach": likely,
                        "order_by": order, "no_date": None if date else self.random.choice((None, "beyond", "too_gappy")),
                    }
                )  # fmt: skip
        return found

    def fill(self, world: Watched) -> None:
        series, rows = self.samples()
        health = tables.HEALTH.append(pa.field("ingested_at", tables.INSTANT))
        sample = pa.schema(
            [
                ("series_id", pa.uint64()),
                ("observed_at", tables.INSTANT),
                ("value", pa.float64()),
                ("ingested_at", tables.INSTANT),
            ]
        )
        parts = {
            "series": pa.Table.from_pylist(series, schema=tables.SERIES),
            "samples": pa.Table.from_pylist(sorted(rows, key=lambda row: row["ingested_at"]), schema=sample),
            "health_checks": pa.Table.from_pylist(self.health(), schema=health),
            "headroom": pa.Table.from_pylist(self.headroom(), schema=tables.HEADROOM),
        }
        for name, table in parts.items():
            world.store.run(lambda tx, name=name, table=table: tx.insert(name, table))  # type: ignore[misc]

    def evaluations(self, every: timedelta) -> list[tuple[datetime, datetime]]:
        """Evaluations as they might have been: each sees what had arrived shortly after its instant."""
        found, read_to = [], self.begin
        for at in self.instants(every):
            read_to = max(read_to, at + timedelta(microseconds=self.random.randrange(2_000_000)))
            found.append((at, read_to))
        return found


def said(looked: Looked) -> dict[tuple[tuple[str, str], ...], tuple[bool | None, bool | None]] | tuple[Unknown | None]:
    """What is true of each label set of which there is something to say."""
    if looked.unknown is not None:
        return (looked.unknown,)
    return {
        tuple(sorted(finding.labels.items())): (finding.holds, finding.still)
        for finding in looked.findings
        if finding.holds is not False or finding.still is not False
    }


def unrolled(found: list[Stretch], count: int) -> dict[str, list[Stretch]]:
    """The stretch of each rule at each instant; a stretch must begin where the one before it ended."""
    by_rule: dict[str, list[Stretch]] = {}
    for stretch in found:
        mine = by_rule.setdefault(stretch.rule_id, [])
        assert stretch.first == len(mine)
        mine += [stretch] * (stretch.last - stretch.first + 1)
    assert all(len(mine) == count for mine in by_rule.values())
    return by_rule


@pytest.mark.parametrize("seed", range(4))
def test_a_replay_finds_at_each_evaluation_what_was_found_live(watched: Watched, seed: int) -> None:
    chance = Chance(seed)
    chance.fill(watched)
    instants = chance.evaluations(timedelta(seconds=75))
    asked = rules()
    replayed = unrolled(list(stretches(watched.view(NOW), asked, instants)), len(instants))
    on: set[tuple[str, str]] = set()
    differences = []
    for n, (at, read_to) in enumerate(instants):
        live = look(watched.view(read_to), asked, at, on if n else None)
        for rule_id, looked in live.items():
            mine = replayed[rule_id][n]
            again, seen = said(mine.looked), said(looked)
            if looked.unknown is not None and mine.looked.unknown is not None:
                # Why nobody knows may change within a stretch; that nobody knows may not.
                continue
            if again != seen:
                differences.append((rule_id, n, at, again, seen))
    assert not differences, differences[:3]
    held = {rule_id for rule_id, each in replayed.items() for one in each for found in one.looked.findings if found.holds}
    assert held, "else only silence was compared"


def test_values_and_words_are_those_of_the_stretch_s_first_evaluation(watched: Watched) -> None:
    chance = Chance(11)
    chance.fill(watched)
    instants = chance.evaluations(timedelta(seconds=120))
    asked = rules()
    compared = 0
    for stretch in stretches(watched.view(NOW), asked, instants):
        at, read_to = instants[stretch.first]
        live = look(watched.view(read_to), {stretch.rule_id: asked[stretch.rule_id]}, at)[stretch.rule_id]
        mine = {tuple(sorted(finding.labels.items())): finding for finding in live.findings}
        for finding in stretch.looked.findings:
            assert mine[tuple(sorted(finding.labels.items()))] == finding
            compared += 1
    assert compared > 20
