"""The parts of the benchmark, and the row that each reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

SEED = 20261121


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    `value` None: not measured, and `note` says why. `met` None: reported, without an aim (or not measured). `known`: what others reach, in words.
    """

    measure: str
    aim: str
    value: float | None
    met: bool | None
    known: str = ""
    note: str = ""


Part = Callable[[Path, int], list[Row]]
"""Measures over a data folder with a seed. A data set that the folder lacks is a row made by `absent`, never an error."""

PARTS = {
    "accuracy": "tests.benchmarks.forecast.accuracy:accuracy",
    "m4": "tests.benchmarks.forecast.m4:m4",
    "shift": "tests.benchmarks.forecast.shift:shift",
    "coverage": "tests.benchmarks.forecast.coverage:coverage",
    "young": "tests.benchmarks.forecast.young:young",
    "month_end": "tests.benchmarks.forecast.month_end:month_end",
    "exhaustion": "tests.benchmarks.forecast.exhaustion:exhaustion",
    "nab": "tests.benchmarks.forecast.nab:nab",
    "throughput": "tests.benchmarks.forecast.throughput:throughput",
    "autoets": "tests.benchmarks.forecast.autoets:autoets",
}
"""Name to `module:function`, in the order of the table. Imported when run, so that one part needs nothing of another."""


def part(name: str) -> Part:
    """The function behind a name of `PARTS`."""
    module, function = PARTS[name].split(":")
    found: Part = getattr(import_module(module), function)
    return found


def absent(measure: str, aim: str, known: str, what: str) -> Row:
    """The row of a measure whose data the folder lacks."""
    return Row(measure, aim, None, None, known, f"absent: {what}")


def at_most(measure: str, limit: float, value: float, known: str = "", note: str = "") -> Row:
    """The row of a measure that should not exceed `limit`."""
    return Row(measure, f"≤ {limit:g}", value, value <= limit, known, note)


def at_least(measure: str, limit: float, value: float, known: str = "", note: str = "") -> Row:
    """The row of a measure that should reach `limit`."""
    return Row(measure, f"≥ {limit:g}", value, value >= limit, known, note)
