"""The detector: p-values that keep their word on noise, named cases it must find or leave alone, and nothing from the future."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from analytics.anomalies.detector import Detector, Floats, Seen

HOURS = 24 * 42


def hourly(n: int = HOURS, seed: int = 7, noise: float = 0.1) -> Floats:
    """A platform's cost by hour: a day's shape, quieter weekends, noise."""
    rng = np.random.default_rng(seed)
    hour = np.arange(n)
    day = 1 + 0.6 * np.sin(2 * np.pi * (hour % 24 - 6) / 24)
    week = np.where(hour // 24 % 7 >= 5, 0.6, 1.0)
    return 10 * day * week * np.exp(noise * rng.standard_normal(n))


def seen(values: Floats, per_day: float = 24.0) -> Seen:
    """What is said of one series."""
    slots = np.arange(len(values))
    return Detector(np.array([per_day])).observe(values[:, None], slots % int(per_day), slots * 24 // int(per_day) % 168)


def hits(found: Seen, since: int, p: float = 1e-3, column: int = 0) -> list[int]:
    """The readings from `since` on of which any look says that they are rarer than `p`."""
    with np.errstate(invalid="ignore"):
        return [int(i) for i in np.flatnonzero(found.p_any[:, column] < p) if i >= since]


def together(*columns: Floats) -> Seen:
    """What is said of several hourly series at once, as none knows of another: a step costs as much for one as for all."""
    slots = np.arange(HOURS)
    return Detector(np.full(len(columns), 24.0)).observe(np.stack(columns, axis=1), slots % 24, slots % 168)


AT = HOURS - 60


def usual(_: Floats) -> None:
    pass


def spike(values: Floats) -> None:
    values[AT] *= 8


def drop(values: Floats) -> None:
    values[AT:] = 0.0


def doubled(values: Floats) -> None:
    values[AT:] *= 4


def busy_night(values: Floats) -> None:
    values[AT - AT % 24 : AT - AT % 24 + 3] = 30.0


def drift(values: Floats) -> None:
    values *= np.exp(np.arange(len(values)) / len(values) * 0.4)


def gap(values: Floats) -> None:
    values[AT : AT + 20] = np.nan


def infinite(values: Floats) -> None:
    values[AT] = np.inf


CHANGES: tuple[Callable[[Floats], None], ...] = (usual, spike, drop, doubled, busy_night, drift, gap, infinite)


@cache
def changed() -> Seen:
    """What is said of the same series changed in each way of CHANGES."""
    columns = [hourly() for _ in CHANGES]
    for change, values in zip(CHANGES, columns, strict=True):
        change(values)
    return together(*columns)


@pytest.mark.parametrize(
    ("change", "first"),
    [(spike, AT), (drop, AT), (doubled, AT), (busy_night, AT - AT % 24)],
    ids=["a spike", "a drop to zero", "a level shift", "a day's height at night"],
)
def test_what_is_found_at_its_first_reading(change: Callable[[Floats], None], first: int) -> None:
    assert hits(changed(), first - 12, column=CHANGES.index(usual)) == []
    found = hits(changed(), first - 12, column=CHANGES.index(change))
    assert found, "nothing was found"
    assert first <= found[0] <= first + 2


@pytest.mark.parametrize("change", [drift, gap, infinite], ids=["a slow drift", "a gap", "a reading that is no number"])
def test_what_is_left_alone(change: Callable[[Floats], None]) -> None:
    assert hits(changed(), 24 * 21, 1e-4, CHANGES.index(change)) == []


ODD = {
    "constant": (np.full(HOURS, 5.0), 0),
    "all zero": (np.zeros(HOURS), 0),
    "no reading at all": (np.full(HOURS, np.nan), 0),
    "constant and then not": (np.concatenate([np.full(HOURS - 1, 5.0), [9.0]]), 1),
    "negative": (-hourly(), 0),
}


def test_series_that_are_odd_in_themselves() -> None:
    found = together(*(values for values, _ in ODD.values()))
    said = {name: len(hits(found, 0, 1e-4, column)) for column, name in enumerate(ODD)}
    assert said == {name: wanted for name, (_, wanted) in ODD.items()}


@pytest.mark.parametrize("values", [np.array([3.0]), np.array([])], ids=["one reading", "empty"])
def test_next_to_no_readings(values: Floats) -> None:
    found = seen(values)
    assert hits(found, 0, 1e-4) == []
    assert found.expected.shape == (len(values), 1)


@cache
def noise() -> Seen:
    """What is said of forty series of nothing but noise."""
    values = np.hstack([100 + 10 * np.random.default_rng(seed).standard_normal((24 * 60, 20)) for seed in (1, 2)])
    slots = np.arange(len(values))
    return Detector(np.full(40, 24.0)).observe(values, slots % 24, slots % 168)


@pytest.mark.parametrize("columns", [slice(20), slice(20, 40)], ids=["1", "2"])
def test_p_values_are_uniform_on_noise(columns: slice) -> None:
    found = noise()
    for name, slack in (("p_point", 0.02), ("p_three", 0.02)):
        p = getattr(found, name)[24 * 20 :, columns].ravel()
        for level in (0.5, 0.2, 0.1, 0.05):
            assert abs((p <= level).mean() - level) < slack, (name, level)
    # Beyond what has been seen the tail is drawn on, and errs towards saying too little.
    p = found.p_point[24 * 20 :, columns].ravel()
    assert (p <= 1e-3).mean() < 2e-3
    assert (p <= 1e-4).mean() < 2e-4
    # Looking three times does not make false alerts three times as many.
    any_ = found.p_any[24 * 20 :, columns].ravel()
    assert (any_ <= 0.05).mean() < 0.06
    assert (any_ <= 1e-3).mean() < 2e-3


def test_nothing_of_the_future_is_used_and_readings_may_come_in_pieces() -> None:
    values = hourly(24 * 21)[:, None]
    slots = np.arange(len(values))
    whole = Detector(np.array([24.0])).observe(values, slots % 24, slots % 168)
    cut = Detector(np.array([24.0])).observe(values[:350], slots[:350] % 24, slots[:350] % 168)
    np.testing.assert_array_equal(cut.p_any, whole.p_any[:350])
    piecewise = Detector(np.array([24.0]))
    parts = [
        piecewise.observe(values[i : i + 37], slots[i : i + 37] % 24, slots[i : i + 37] % 168) for i in range(0, len(values), 37)
    ]
    for name in ("expected", "low", "high", "p_point", "p_three", "p_any"):
        np.testing.assert_array_equal(np.concatenate([getattr(part, name) for part in parts]), getattr(whole, name), err_msg=name)


def test_series_do_not_know_of_each_other() -> None:
    both = np.stack([hourly(24 * 21, seed=1), hourly(24 * 21, seed=2) * 1000], axis=1)
    both[:150, 1] = np.nan
    slots = np.arange(len(both))
    found = Detector(np.full(2, 24.0)).observe(both, slots % 24, slots % 168)
    for j in (0, 1):
        alone = Detector(np.array([24.0])).observe(both[:, [j]], slots % 24, slots % 168)
        np.testing.assert_allclose(found.p_any[:, j], alone.p_any[:, 0])


@cache
def sixty_days() -> Seen:
    return seen(hourly(24 * 60))


def test_the_week_is_learned_where_it_helps() -> None:
    monday = slice(24 * 49, 24 * 49 + 24)
    error = np.abs(sixty_days().expected[monday, 0] / hourly(24 * 60)[monday] - 1)
    assert np.median(error) < 0.12


def test_the_band_holds_nine_of_ten() -> None:
    values, found = hourly(24 * 60), sixty_days()
    inside = (values >= found.low[:, 0]) & (values <= found.high[:, 0])
    assert 0.84 <= inside[24 * 28 :].mean() <= 0.94


@pytest.mark.parametrize("per_day", [288, 96, 24, 1], ids=["5 min", "15 min", "1 h", "1 d"])
def test_any_step(per_day: int) -> None:
    n = max(5 * per_day, 120)
    slots = np.arange(n)
    values = 10 + 3 * np.sin(2 * np.pi * slots / max(per_day, 7)) + 0.2 * np.random.default_rng(3).standard_normal(n)
    values[-1] = 40.0
    found = seen(values, float(per_day))
    assert found.p_any[-1, 0] < 1e-3
    assert np.isnan(found.p_any[: min(per_day, 28)]).all()
