"""One event is one mark, and quiet means quiet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from analytics.anomalies.detector import Detector, Floats
from analytics.anomalies.marks import Form, Mark, Marking, one_in, quieted

HOUR = timedelta(hours=1)
BEGAN = datetime(2026, 9, 1, tzinfo=UTC)


def marks(values: Floats, pieces: int = 1) -> list[Mark]:
    """The events of one hourly series as they stand in the end, read in so many pieces."""
    detector, marking = Detector(np.array([24.0])), Marking(HOUR, np.ones(1))
    slots = np.arange(len(values))
    found: dict[tuple[Form, datetime], Mark] = {}
    for part in np.array_split(slots, pieces):
        at = [BEGAN + HOUR * int(i) for i in (*part, part[-1] + 1)]
        seen = detector.observe(values[part][:, None], part % 24, part % 168)
        for mark in marking.take(at, values[part][:, None], seen):
            found[mark.form, mark.about_at] = mark
    return sorted(found.values(), key=lambda mark: (mark.about_at, mark.form))


def quiet_series(n: int = 24 * 30) -> Floats:
    return 10 + np.sin(2 * np.pi * np.arange(n) / 24) + 0.2 * np.random.default_rng(5).standard_normal(n)


def test_an_event_of_five_hours_is_one_mark_of_each_form() -> None:
    values = quiet_series()
    values[600:605] += 15
    found = [mark for mark in marks(values) if mark.about_at >= BEGAN + 590 * HOUR]
    assert [mark.form for mark in found] == [Form.PAGE, Form.SCREEN]
    screen = found[1]
    assert (screen.about_at, screen.about_to, screen.readings) == (BEGAN + 600 * HOUR, BEGAN + 605 * HOUR, 5)
    assert screen.above
    assert screen.value == pytest.approx(values[600:605].mean())
    assert abs(screen.expected - 10) < 1.5
    assert screen.low < screen.expected < screen.high < screen.value


def test_pieces_give_the_same_marks() -> None:
    values = quiet_series(24 * 26)
    values[600:605] += 15
    values[610] += 40
    told = [
        [(mark.form, mark.about_at, mark.about_to, mark.p_value) for mark in marks(values, pieces)] for pieces in (1, 2, 30, 600)
    ]
    assert len(told[0]) > 2
    assert told[1:] == [told[0]] * 3


def test_within_the_quiet_time_only_what_is_rarer_is_marked() -> None:
    values = quiet_series()
    values[600] += 8
    values[610] += 8
    values[615] += 60
    begun = [mark.about_at for mark in marks(values) if mark.form is Form.SCREEN and mark.about_at >= BEGAN + 590 * HOUR]
    assert begun == [BEGAN + 600 * HOUR, BEGAN + 615 * HOUR]


def test_what_lasts_is_how_things_are() -> None:
    values = quiet_series()
    values[500:] *= 3
    found = [mark for mark in marks(values) if mark.form is Form.SCREEN and mark.about_at >= BEGAN + 490 * HOUR]
    assert found[0].about_at == BEGAN + 500 * HOUR
    assert found[0].about_to - found[0].about_at <= timedelta(days=1)
    assert len(found) <= 2


def test_a_drop_to_zero_is_below() -> None:
    values = quiet_series()
    values[600:606] = 0
    found = [mark for mark in marks(values) if mark.about_at >= BEGAN + 590 * HOUR]
    assert found
    assert not any(mark.above for mark in found)


@pytest.mark.parametrize(
    ("form", "step", "expected"),
    [(Form.SCREEN, HOUR, 360), (Form.PAGE, timedelta(minutes=15), 2880), (Form.SCREEN, timedelta(days=1), 200)],
)
def test_how_rare_a_false_mark_is(form: Form, step: timedelta, expected: int) -> None:
    assert one_in(form, step) == expected


def test_many_series_share_the_false_marks() -> None:
    rng = np.random.default_rng(11)
    n, series = 24 * 60, 30
    values = 10 + 0.5 * rng.standard_normal((n, series))
    slots = np.arange(n)
    seen = Detector(np.full(series, 24.0)).observe(values, slots % 24, slots % 168)
    at = [BEGAN + HOUR * i for i in range(n + 1)]
    found = Marking(HOUR, np.full(series, float(series))).take(at, values, seen)
    # Sixty days: about four of the screen, two of the page, were promised.
    assert sum(mark.form is Form.SCREEN for mark in found) <= 10
    assert sum(mark.form is Form.PAGE for mark in found) <= 6


def test_quieted_lets_through_what_is_rarer_than_all_of_the_last_while() -> None:
    p = np.array([[0.5], [0.01], [0.02], [0.001], [np.nan], [0.01], [0.02], [0.5]])
    steps = np.array([3])
    assert quieted(p, steps)[:, 0].tolist() == [0.5, 0.01, 1.0, 0.001, 1.0, 1.0, 1.0, 1.0]
    assert quieted(p, np.array([1]))[:, 0].tolist() == [0.5, 0.01, 1.0, 0.001, 1.0, 0.01, 1.0, 1.0]
