"""The headroom of every limit as the API and `status` give it: the rows the pages show, as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from analytics.urgency import by_urgency, last_date
from dashboards import limit_words
from dashboards.limit_rows import LimitRow
from dashboards.reads import limits
from roomleft.limits import NextStep
from roomleft.packs import Pack
from warehouse.store import Store

UTC = ZoneInfo("UTC")
FIRST = ("limit_id", "platform", "kind", "amount", "unit", "used", "remaining", "fraction_left", "state", "reason", "burn_rate")
MORE = (
    "subject", "basis", "lower_bound", "freshness", "observed_at", "window_start", "window_end", "about_to", "order_by", "no_date", "forecast_run",
)  # fmt: skip


def headroom_rows(
    store: Store, packs: Mapping[str, Pack], now: datetime, slack: timedelta = timedelta(0)
) -> list[dict[str, Any]]:
    """One dict for each limit in force, worst first, in the form promised to programs (docs/commands.md), and a little more.

    `ends`: what will have been used at `about_to`. `urgency`: 1 for what needs somebody first, None for what needs nobody. `words`: as pages say it, in UTC.
    `since` is when a limit that is not ok came into its state, as far as two weeks tell. A limit that was never measured, or not for three minutes and `slack`, is `unknown` and says so.
    """
    return told_rows(limits(store, packs, now, slack), now)


def told_rows(rows: Sequence[LimitRow], now: datetime) -> list[dict[str, Any]]:
    """Limits in that form, in their order."""
    urgent = by_urgency([(row.headroom, row.limit) for row in rows], now)
    place = {limit.limit_id: number for number, (_, limit) in enumerate(urgent, 1)}
    return [{**plain_row(row), "urgency": place.get(row.key), "words": _words(row, now)} for row in rows]


def _words(row: LimitRow, now: datetime) -> dict[str, str]:
    """What is left, when it runs out, and the last day to order, a day of the platform's zone."""
    return {
        "left": limit_words.left(row).plain(),
        "runs_out": limit_words.runs_out(row, now, UTC).plain(),
        "order_by": last_date(row.headroom, row.limit, now) if row.headroom.order_by is not None else "",
    }


def plain_row(row: LimitRow) -> dict[str, Any]:
    """One limit in that form."""
    told = asdict(row.headroom)
    return {
        **{name: told[name] for name in FIRST},
        "kind": str(told["kind"]),
        "state": str(told["state"]),
        "exhausts_at": _spread(told, "exhausts"),
        "p_breach": told["p_breach"],
        "as_of": told["as_of"],
        "title": row.limit.title,
        "owner": row.limit.owner,
        "since": None if row.began_before else row.since,
        **{name: told[name] for name in MORE},
        "freshness": str(told["freshness"]),
        "ends": _spread(told, "ends"),
        "next_step": _step(row.limit.next_step),
    }


def _spread(told: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """The early, middle and late value; None where the middle one is not known."""
    found = {share: told[f"{name}_{share}"] for share in ("p10", "p50", "p90")}
    return found if found["p50"] is not None else None


def _step(step: NextStep | None) -> dict[str, Any] | None:
    if step is None:
        return None
    lead_time_s = None if step.lead_time is None else step.lead_time.total_seconds()
    return {"what": step.what, "cost_usd_per_month": step.cost_usd_per_month, "lead_time_s": lead_time_s}
