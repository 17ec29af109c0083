"""The benchmark's scoring: its two fixed points, its shape, its threshold."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.forecast.nab_score import File, Weights, at_threshold, optimised, row_scores, scaled_sigmoid

STANDARD = Weights(1.0, 1.0, 0.11)


def file(n: int = 1000, windows: tuple[tuple[int, int], ...] = ((500, 549),)) -> File:
    return File("f", np.arange(n) * 300, np.zeros(n), windows)


def rarity(n: int, *rows: int) -> np.ndarray:
    found = np.zeros(n)
    for place, row in enumerate(rows):
        found[row] = 10 - place
    return found


def test_nothing_is_nought_and_the_first_row_of_each_window_is_a_hundred() -> None:
    assert optimised([file()], [np.zeros(1000)], STANDARD)[0].score == 0
    best, _ = optimised([file()], [rarity(1000, 500)], STANDARD)
    assert (best.score, best.recall, best.false_alerts) == (pytest.approx(100), 1.0, 0)


def test_later_is_worse_and_a_second_hit_in_a_window_changes_nothing() -> None:
    scores = [optimised([file()], [rarity(1000, row)], STANDARD)[0].score for row in (500, 520, 545)]
    assert scores == sorted(scores, reverse=True)
    assert optimised([file()], [rarity(1000, 500, 530)], STANDARD)[0].score == pytest.approx(100)


def test_a_false_alert_costs_more_the_further_it_is_behind_a_window() -> None:
    _, worth = row_scores(file(), STANDARD)
    assert worth[300] == -0.11
    assert worth[549] > 0 > worth[551] > worth[560] > worth[900] >= -0.11
    assert scaled_sigmoid(np.array([0.0, 4.0])).tolist() == [0.0, -1.0]


def test_the_probation_is_not_scored_and_no_longer_than_of_five_thousand_rows() -> None:
    assert (file(1000).probation, file(20_000, ()).probation) == (150, 750)
    best, curve = optimised([file()], [rarity(1000, 10, 500)], STANDARD)
    assert best.false_alerts == 0
    assert max(each.threshold for each in curve) == 9


def test_one_threshold_serves_all_files_and_one_chosen_elsewhere_can_be_tried() -> None:
    best, curve = optimised([file(), file()], [rarity(1000, 500), rarity(1000, 200, 500)], STANDARD)
    assert best.recall == 1.0
    assert best.threshold == 9
    assert at_threshold(curve, 9.5).false_alerts == 1
    assert at_threshold(curve, 99).score == 0
