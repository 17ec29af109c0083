"""By what the columns of a list of limits are sorted in the browser: values, not the words that stand for them."""

from __future__ import annotations

from datetime import datetime

from dashboards.limit_rows import LimitRow
from roomleft.limits import WORST_FIRST, State

CERTAIN = 2.0
"""What has run out stands above what will for certain."""


def sort_values(row: LimitRow, *, by_chance: bool = True) -> dict[str, str]:
    """`data-sort` by a column's class; empty for what nobody knows, which comes last either way. `by_chance`: whether the column of the pace tells the
    chance in its place; one column never mixes both."""
    headroom, step = row.headroom, row.limit.next_step
    out, unknown = row.state is State.EXHAUSTED, row.state is State.UNKNOWN
    chance = CERTAIN if out else None if unknown else headroom.p_breach
    pace = None if unknown else headroom.burn_rate
    return {
        "c-state": str(list(WORST_FIRST).index(row.state)),
        "c-limit": row.limit.title,
        "c-bar": _number(row.used_share),
        "c-left": _number(headroom.fraction_left),
        "c-out": "0" if out else _instant(headroom.exhausts_p50),
        "c-pace": _number(chance if by_chance else pace),
        "c-order": _instant(headroom.order_by),
        "c-step": _number(step.cost_usd_per_month if step else None),
    }


def _number(value: object) -> str:
    return "" if value is None else f"{float(str(value)):.9g}"


def _instant(at: datetime | None) -> str:
    return "" if at is None else f"{at.timestamp() * 1000:.0f}"
