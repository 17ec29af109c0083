"""A rule on a chance: one near its line does not flap, and a forecast that goes away ends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.alert import Alert, Beat, Happened
from alerts.evaluation import evaluate
from analytics.conditions_board import TRUTH
from analytics.conditions_words import Line
from roomleft.findings import AlertState, Finding, Looked
from roomleft.rules_when import Bound
from tests.alerts.made import rule

BOUND = Bound.model_validate({"at_least": "0.8", "clear": "0.6"})
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def played(chances: Sequence[float | None]) -> tuple[list[Happened], Sequence[Alert]]:
    """What happens to the alert of one limit whose chance is measured each minute; None: no forecast tells."""
    asked = rule()
    values = np.array([np.nan if chance is None else chance for chance in chances])
    holds, still = Line.of(BOUND, None).truth(values)
    alerts: Sequence[Alert] = ()
    happened: list[Happened] = []
    for n in range(len(chances)):
        finding = Finding({}, TRUTH[int(holds[n])], TRUTH[int(still[n])], chances[n], 0.8)
        at = NOW + n * MINUTE
        done = evaluate(
            {asked.rule_id: asked}, {asked.rule_id: Looked((finding,))}, alerts, Beat(at, at - MINUTE if n else None, MINUTE)
        )
        alerts = done.alerts
        happened += [event.what for event in done.events if event.what in (Happened.FIRING, Happened.RESOLVED)]
    return happened, alerts


NOISE = st.lists(st.floats(-0.099, 0.099), min_size=2, max_size=60)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.0, 1.0), NOISE)
def test_a_chance_that_jitters_about_any_level_rings_once_at_most(level: float, noise: list[float]) -> None:
    happened, _ = played([min(max(level + each, 0.0), 1.0) for each in noise])
    assert happened in ([], [Happened.FIRING])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(0.0, 1.0)), min_size=2, max_size=80))
def test_it_rings_as_often_as_the_chance_goes_from_one_line_to_the_other_and_back(chances: list[float | None]) -> None:
    happened, _ = played(chances)
    wanted: list[Happened] = []
    for chance in chances:
        on = bool(wanted) and wanted[-1] is Happened.FIRING
        if chance is not None and not on and chance >= 0.8:
            wanted.append(Happened.FIRING)
        elif chance is not None and on and chance < 0.6:
            wanted.append(Happened.RESOLVED)
    assert happened == wanted


def test_without_a_line_to_clear_it_would_flap() -> None:
    flat = Bound.model_validate({"at_least": "0.8"})
    holds, still = Line.of(flat, None).truth(np.array([0.79, 0.81]))
    assert (holds == still).all(), "so that the tests above test the clear line"


def test_a_forecast_that_goes_away_ends_nothing() -> None:
    happened, (alert,) = played([0.9, 0.9, None, None, None])
    assert happened == [Happened.FIRING]
    assert alert.state is AlertState.FIRING
    assert alert.unknown_since is not None
