"""The windows and factors of burn-rate alerts: by the formula, and those that Sloth generated for the same objectives."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from roomleft.errors import PackError
from roomleft.rules_when import BurnIs
from roomleft.slos import NAMED, BurnPair, Slo, burn_pairs, pairs_asked, slos_of
from roomleft.timespan import Period, Window, parse_span
from tests.analytics.slo_world import shop

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
COMPARED = re.compile(r"ratio_rate(\w+)\{[^}]*\} > \(([0-9.e+-]+) \* ([0-9.e+-]+)\)")
WINDOWS = ((HOUR, 5 * MINUTE), (6 * HOUR, 30 * MINUTE), (DAY, 2 * HOUR), (3 * DAY, 6 * HOUR))


def test_the_pairs_of_a_month_are_the_usual_ones() -> None:
    pairs = burn_pairs(Decimal("0.999"), 30 * DAY)
    assert [(pair.long, pair.short) for pair in pairs] == list(WINDOWS)
    assert [pair.factor for pair in pairs] == [Decimal("14.4"), 6, 3, 1]
    assert [pair.line(Decimal("0.999")) for pair in pairs] == [
        Decimal("0.0144"),
        Decimal("0.006"),
        Decimal("0.003"),
        Decimal("0.001"),
    ]


def test_the_pairs_of_four_weeks_come_by_the_formula() -> None:
    factors = [pair.factor for pair in burn_pairs(Decimal("0.999"), 28 * DAY)]
    assert factors[:3] == [Decimal("13.44"), Decimal("5.6"), Decimal("2.8")]
    assert factors[3] == Decimal(28) / 30


@pytest.mark.parametrize("days", [1, 7, 14, 27])
def test_in_a_short_window_no_pair_wakes_anybody_for_burning_slower_than_evenly(days: int) -> None:
    pairs = burn_pairs(Decimal("0.999"), days * DAY)
    assert all(pair.factor >= 1 and pair.long < days * DAY for pair in pairs)


@pytest.mark.parametrize(
    ("objective", "refused"),
    [("0.93", True), ("0.9305", True), ("0.930555", True), ("0.930556", False), ("0.9306", False), ("0.95", False)],
)
def test_an_objective_at_which_a_factor_can_never_be_reached_is_refused(objective: str, refused: bool) -> None:
    if not refused:
        assert len(burn_pairs(Decimal(objective), 30 * DAY)) == 4
        return
    with pytest.raises(
        PackError, match=r"a burn rate of 14.4 can never be reached at 93.* %: when everything fails it is 14\."
    ) as told:
        burn_pairs(Decimal(objective), 30 * DAY)
    assert "an objective above 93.06 %" in told.value.hint


def test_ninety_nine_point_ninety_nine_percent_of_thirty_days_is_259_2_seconds(tmp_path: Path) -> None:
    slo = slos_of({"shop": shop(tmp_path, objective="99.99")})["shop.errors"]
    assert slo.budget_s == Decimal("259.2")
    assert str(slo.budget_s.normalize()) == "259.2"


def test_a_condition_names_pairs_or_has_its_own(tmp_path: Path) -> None:
    slo = slos_of({"shop": shop(tmp_path)})["shop.errors"]
    assert pairs_asked(slo, BurnIs(burn="errors", pairs="ticket")) == burn_pairs(slo.objective, 30 * DAY, ["ticket"])
    own = pairs_asked(slo, BurnIs(burn="errors", long=2 * HOUR, short=10 * MINUTE, budget_percent=Decimal(4)))
    assert own == (BurnPair(2 * HOUR, 10 * MINUTE, Decimal(4), 30 * DAY),)
    assert own[0].factor == Decimal("14.4")
    with pytest.raises(PackError, match="can never be reached"):
        pairs_asked(slo, BurnIs(burn="errors", long=MINUTE, short=MINUTE / 12, budget_percent=Decimal(100)))
    with pytest.raises(PackError, match="longer than the SLO's window of 30 d"):
        pairs_asked(slo, BurnIs(burn="errors", long=40 * DAY, short=DAY, budget_percent=Decimal(100)))


def objectives_of(path: Path) -> list[Decimal]:
    """The objectives, as shares, that a Sloth file promises, in order."""
    found = []
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        spec: dict[str, Any] = (document or {}).get("spec", document) or {}
        for slo in spec.get("slos", ()):
            found.append(Decimal(str(slo["objective"])) / 100)
        found += [Decimal(str(each["target"])) for each in spec.get("objectives", ())]
    return found


def alerts_of(path: Path) -> list[dict[str, Any]]:
    """The rules that Sloth generated, one SLO after another: its compared windows, its error budget and its days."""
    found: list[dict[str, Any]] = []
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        for group in ((document or {}).get("spec") or document or {}).get("groups", ()):
            for rule in group["rules"]:
                if rule.get("record") == "slo:objective:ratio":
                    found.append({"objective": rule["expr"].removeprefix("vector(").rstrip(")"), "compared": {}})
                elif rule.get("record") == "slo:time_period:days":
                    found[-1]["days"] = int(rule["expr"].removeprefix("vector(").rstrip(")"))
                elif "alert" in rule:
                    found[-1]["compared"][rule["labels"]["sloth_severity"]] = [
                        (parse_span(window), Decimal(factor), float(budget))
                        for window, factor, budget in COMPARED.findall(rule["expr"])
                    ]
    return found


def test_windows_and_factors_equal_those_sloth_generated(shared_data: Path) -> None:
    files = sorted((shared_data / "openslo" / "sloth-generated").iterdir())
    compared = 0
    for path in files:
        promised, generated = objectives_of(path.parent.parent / "sloth" / path.name), alerts_of(path)
        assert len(promised) == len(generated) > 0, path.name
        for objective, slo in zip(promised, generated, strict=True):
            assert float(slo["objective"]) == pytest.approx(float(objective), abs=1e-12)
            for severity, windows in slo["compared"].items():
                pairs = burn_pairs(objective, slo["days"] * DAY, [severity])
                ours = [(window, pair.factor) for pair in pairs for window in (pair.short, pair.long)]
                assert [(window, factor) for window, factor, _ in windows] == ours, path.name
                for (_, factor, budget), pair in zip(windows[::2], pairs, strict=True):
                    assert budget == pytest.approx(float(1 - objective), rel=1e-9)
                    assert float(factor) * budget == pytest.approx(float(pair.line(objective)), rel=1e-9)
                compared += len(windows)
    assert compared >= 8 * len(files)


def test_windows_of_ones_own_give_the_factors_sloths_do(shared_data: Path) -> None:
    for path in sorted((shared_data / "openslo" / "sloth").glob("windows__*.yaml")):
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]
        period = parse_span(spec["sloPeriod"])
        custom = {
            kind: tuple(
                (parse_span(each["longWindow"]), parse_span(each["shortWindow"]), Decimal(str(each["errorBudgetPercent"])))
                for each in (spec[kind]["quick"], spec[kind]["slow"])
            )
            for kind in ("page", "ticket")
        }
        pairs = burn_pairs(Decimal("0.999"), period, custom=custom)
        for pair, (long, short, percent) in zip(pairs, [each for kind in NAMED for each in custom[kind]], strict=True):
            assert (pair.long, pair.short) == (long, short)
            # As Sloth does: the share of the budget, as a rate over the whole period.
            assert float(pair.factor) == pytest.approx(float(percent) / 100 * (period / long), rel=1e-12)
    assert pairs[0].factor == Decimal("13.44")


def test_a_calendar_month_counts_as_thirty_days(tmp_path: Path) -> None:
    slo = slos_of({"shop": shop(tmp_path)})["shop.errors"]
    monthly = Slo(slo.slo_id, slo.platform, slo.name, slo.title, slo.objective, Window(Period.MONTH), slo.indicator)
    assert monthly.period == 30 * DAY
    assert [pair.factor for pair in burn_pairs(monthly.objective, monthly.period)] == [Decimal("14.4"), 6, 3, 1]
