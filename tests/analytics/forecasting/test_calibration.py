"""What the record of claims does to later ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from analytics.forecasting.calibration import ENOUGH_PROBABILITIES, ENOUGH_RANGES, Calibration, learn


def ranges(claims: int, spread: float, metric: str = "budget", days: int = 30, **more: Any) -> list[dict[str, Any]]:
    """Claims of 80 % ranges of ±1.28 about outcomes that spread otherwise."""
    came = np.random.default_rng(1).normal(0, spread, claims)
    ends = [at(number, days) for number in range(claims)]
    said = {"metric": metric, "horizon_days": days, "low": -1.2816, "middle": 0.0, "high": 1.2816}
    return [{**said, "about_to": end, "outcome": x, **more} for end, x in zip(ends, came, strict=True)]


def chances(claims: int, power: float, metric: str = "budget", days: int = 30) -> list[dict[str, Any]]:
    """Claims of probabilities p where p to some power is true."""
    rng = np.random.default_rng(2)
    said = rng.random(claims)
    came = rng.random(claims) < said**power
    told = {"metric": metric, "horizon_days": days}
    return [{**told, "about_to": at(n, days), "probability": said[n], "outcome": float(came[n])} for n in range(claims)]


def at(number: int, days: int) -> datetime:
    """The end of the stretch that a claim speaks of: each of its own."""
    return datetime(1900, 1, 1, tzinfo=UTC) + timedelta(days=number * days)


def test_without_enough_record_nothing_changes() -> None:
    found = learn([*ranges(ENOUGH_RANGES - 1, 3), *chances(ENOUGH_PROBABILITIES - 1, 3)])
    assert found == Calibration()
    assert found.width("budget", 30) == 1
    assert found.probability("budget", 30, 0.3) == pytest.approx(0.3)


def test_ranges_that_were_too_narrow_are_widened_and_back() -> None:
    assert learn(ranges(2000, 1.5)).width("budget", 30) == pytest.approx(1.5, rel=0.1)
    assert learn(ranges(2000, 0.7)).width("budget", 30) == pytest.approx(0.7, rel=0.1)
    assert learn(ranges(2000, 1)).width("budget", 30) == pytest.approx(1, rel=0.05)
    # What was widened when it was said is judged as if it had not been.
    assert learn(ranges(2000, 1.2, width=2.0)).width("budget", 30) == pytest.approx(2.4, rel=0.1)
    told = json.dumps({"width": {"30": 2.0}})
    assert learn(ranges(2000, 1.2, details=told)) == learn(ranges(2000, 1.2, width=2.0))


def test_many_claims_about_one_month_are_one_record() -> None:
    month = datetime(2026, 6, 30, tzinfo=UTC)
    assert learn([{**one, "about_to": month} for one in [*ranges(3000, 2), *chances(3000, 3)]]) == Calibration()
    assert learn([{**one, "about_to": None} for one in ranges(3000, 2)]) == Calibration()
    few = [{**one, "about_to": month + timedelta(days=n % 500)} for n, one in enumerate(ranges(3000, 2))]
    assert 1.2 < learn(few).width("budget", 30) < 1.7


def test_a_mapped_probability_is_judged_by_what_it_was_before() -> None:
    said = chances(800, 2)
    mapped = [{**one, "probability": one["probability"] ** 2, "uncalibrated": one["probability"]} for one in said]
    assert learn(mapped) == learn(said)
    told = [
        {**one, "subject": "a", "details": json.dumps({"limits": {"a": one["probability"]}}), "probability": 0.5} for one in said
    ]
    assert learn(told) == learn(said)


def test_metrics_and_bands_are_apart_and_else_pooled() -> None:
    found = learn([*ranges(500, 2, "slo", 30), *ranges(500, 1, "budget", 1)])
    assert found.width("slo", 30) > 1.5
    assert found.width("budget", 1) == pytest.approx(1, abs=0.15)
    assert found.width("capacity", 30) == found.width("slo", 30)
    assert found.width("budget", 7) == 1


def test_probabilities_follow_what_happened() -> None:
    found = learn(chances(5000, 2))
    said = np.array([0.0, 0.2, 0.5, 0.8, 1.0])
    told = found.probability("budget", 30, said)
    assert np.allclose(told[1:4], said[1:4] ** 2, atol=0.08)
    assert (np.diff(told) >= 0).all()
    assert told[0] > 0
    assert told[-1] < 1
    of_draws = found.probabilities("budget", 30, 400)
    assert len(of_draws) == 401
    assert (np.diff(of_draws) >= 0).all()


def test_a_record_of_one_outcome_maps_nothing() -> None:
    assert learn([{**one, "outcome": 0.0} for one in chances(1000, 1)]).maps == {}


def test_odd_rows_are_passed_over() -> None:
    odd: list[dict[str, Any]] = [
        {"metric": "budget", "horizon_days": 30, "outcome": None, "probability": 0.5},
        {"metric": "budget", "horizon_days": 30, "outcome": float("nan"), "low": 0, "middle": 1, "high": 2},
        {"metric": "budget", "horizon_days": 30, "outcome": 1.0},
        {"metric": "budget", "horizon_days": 30, "outcome": 1.0, "low": 2, "middle": 2, "high": 2},
    ]
    assert learn([*odd, *ranges(2000, 1.5)]).widths == learn(ranges(2000, 1.5)).widths


def test_it_can_be_stored() -> None:
    found = learn([*ranges(500, 2), *chances(1000, 2)])
    again = Calibration.of_json(json.loads(json.dumps(found.as_json())))
    assert again == found
    assert Calibration.of_json({}) == Calibration()


def test_on_later_claims_a_learnt_width_brings_the_share_inside_nearer_to_what_was_said() -> None:
    early, late = ranges(800, 1.4)[:400], ranges(800, 1.4)[400:]
    factor = learn(early).width("budget", 30)

    def inside(by: float) -> float:
        return float(np.mean([abs(one["outcome"]) <= by * one["high"] for one in late]))

    assert abs(inside(factor) - 0.8) < abs(inside(1.0) - 0.8)
