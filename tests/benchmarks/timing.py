"""How long a thing took, and how the table of results is printed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table. `met` None: reported, with no aim."""

    what: str
    measured: str
    aim: str
    met: bool | None


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def median_of_pairs(first: Callable[[int], float], second: Callable[[int], float], pairs: int) -> float:
    """The median of first/second, measured in turn so that the machine's drift falls on both. Each is given its turn's number."""
    return statistics.median(first(turn) / second(turn) for turn in range(pairs))


def percentile(values: Sequence[float], q: float) -> float:
    """The nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def show(results: Sequence[Result]) -> None:
    """Print the table."""
    table = Table(title="Roomleft benchmarks (ratios inside one run)")
    for column in ("what", "measured", "aim", ""):
        table.add_column(column)
    for result in results:
        table.add_row(result.what, result.measured, result.aim, {True: "met", False: "NOT MET", None: ""}[result.met])
    Console(width=160).print(table)
