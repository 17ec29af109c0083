"""The benchmark's rows as text and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict

from tests.benchmarks.forecast.registry import Row

HEADS = ("measure", "aim", "reached", "", "known", "note")


def figure(value: float | None) -> str:
    """Three digits that matter, no more."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(places, 3)}f}"


def text(rows: Sequence[Row]) -> str:
    """A table in Markdown, readable as it stands."""
    cells = [(r.measure, r.aim, figure(r.value), {True: "met", False: "NOT MET", None: ""}[r.met], r.known, r.note) for r in rows]
    widths = [max(len(line[i]) for line in (HEADS, *cells)) for i in range(len(HEADS))]
    lines = [_line(HEADS, widths), "|" + "|".join("-" * (width + 2) for width in widths) + "|"]
    return "\n".join([*lines, *(_line(line, widths) for line in cells)])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def as_json(rows: Sequence[Row], seed: int) -> str:
    """The rows and the seed; a value that was not measured is null."""
    made = [{**asdict(r), "value": r.value if r.value is not None and math.isfinite(r.value) else None} for r in rows]
    return json.dumps({"seed": seed, "rows": made}, ensure_ascii=False, indent=1)
