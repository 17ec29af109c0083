"""The table of targets: every target of a platform beside its reading, met or not, and why nobody can say where nobody can."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from dash import html

from analytics.targets import WORST_FIRST, Met, TargetRow
from dashboards import wording
from dashboards.components.marks import age, badge, glyph, link
from dashboards.components.tables import table_card
from dashboards.filters import Filters
from roomleft.wording import COUNTED

GLYPHS = {Met.MET: "ok", Met.NOT_MET: "exhausted", Met.UNKNOWN: "unknown", Met.DECLARED: "", Met.NO_SOURCE: "unknown"}
WORDS = {
    Met.MET: "met",
    Met.NOT_MET: "not met",
    Met.UNKNOWN: "unknown",
    Met.DECLARED: "declared, never computed",
    Met.NO_SOURCE: "no source yet",
}
HEADS = ("Target", "Aim", "Reading", "Met", "Holds in", "Over", "Why, or what the design says", "Age")


def targets_table(rows: Sequence[TargetRow], filters: Filters, now: datetime) -> html.Div:
    """Not met first, then unknown, met, those without a source, and those only declared."""
    counts = Counter(row.met for row in rows)
    told = ", ".join(f"{counts[each]} {WORDS[each]}" for each in WORST_FIRST if counts[each])
    body = [_row(row, filters, now) for row in rows]
    return table_card("Targets", HEADS, body, numbers=(1, 2, 7), note=told or "the pack names none", name="targets")


def _row(row: TargetRow, filters: Filters, now: datetime) -> list[Any]:
    title = (
        link(row.title, filters.href(limit=row.limit_id), "limit-link")
        if row.limit_id
        else html.Span(row.title, className="limit-name")
    )
    aim = aim_words(row.value, row.unit, row.met, at_least=row.at_least)
    reading = value_words(row.reading, row.unit) if row.reading is not None else "–"
    mark = GLYPHS[row.met]
    met = html.Span(
        [glyph(mark, labelled=False) if mark else None, f" {WORDS[row.met]}"], className=f"met {row.met.name.lower()}"
    )
    said = row.why or "; ".join(row.design)
    return [
        html.Span(
            [title, " ", badge("assumed", title="Nobody confirmed it") if row.assumed else None], **{"data-target": row.target_id}
        ),
        aim,
        html.Span(reading, className="strong" if row.met is Met.NOT_MET else ""),
        met,
        row.state_title,
        f"last {wording.age(row.over)}" if row.over else "–" if row.limit_id is None else "now",
        html.Span(said, className="dim design", title="; ".join(row.design) or None),
        age(row.observed_at, now),
    ]


def value_words(value: Any, unit: str, *, aim: bool = False) -> str:
    """An aim or a reading with its unit: aims to the last digit, counts to the last thing, shares near a whole not rounded to it."""
    number = Decimal(str(value))
    if unit == "percent" and 99 <= number < 100:
        return f"{number.normalize():f}{wording.THIN}%" if aim else wording.percent(number / 100, 3)
    if unit in COUNTED and abs(number) >= 100_000:
        return f"{wording.whole(number)} {wording.unit_word(unit)}"
    if unit in COUNTED and abs(number) >= 10:
        return wording.with_unit(round(number), unit)
    return wording.with_unit(number, unit)


def aim_words(value: Any, unit: str, met: str, *, at_least: bool) -> str:
    """`≥ 99.9 %`, `≤ 10,020 worlds`; without a sign where nothing is measured against it."""
    sign = "" if met in (Met.DECLARED, Met.NO_SOURCE) else f"{'≥' if at_least else '≤'}{wording.THIN}"
    return sign + value_words(value, unit, aim=True)
