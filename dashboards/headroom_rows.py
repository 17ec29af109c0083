"""The headroom of every limit as the API and `status` give it: the rows the pages show, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from dashboards.limit_rows import LimitRow
from dashboards.reads import limits
from roomleft.packs import Pack
from warehouse.store import Store

FIRST = ("limit_id", "platform", "kind", "amount", "unit", "used", "remaining", "fraction_left", "state", "reason", "burn_rate")
MORE = ("subject", "basis", "lower_bound", "freshness", "observed_at", "window_start", "window_end")


def headroom_rows(
    store: Store, packs: Mapping[str, Pack], now: datetime, slack: timedelta = timedelta(0)
) -> list[dict[str, Any]]:
    """One dict for each limit in force, worst first, in the form promised to programs (docs/commands.md), and a little more.

    `since` is when a limit that is not ok came into its state, as far as two weeks tell. A limit that was never measured, or not for three minutes and `slack`, is `unknown` and says so.
    """
    return [plain_row(row) for row in limits(store, packs, now, slack)]


def plain_row(row: LimitRow) -> dict[str, Any]:
    """One limit in that form."""
    told = asdict(row.headroom)
    dates = None
    if told["exhausts_p50"] is not None:
        dates = {"p10": told["exhausts_p10"], "p50": told["exhausts_p50"], "p90": told["exhausts_p90"]}
    return {
        **{name: told[name] for name in FIRST},
        "kind": str(told["kind"]),
        "state": str(told["state"]),
        "exhausts_at": dates,
        "p_breach": told["p_breach"],
        "as_of": told["as_of"],
        "title": row.limit.title,
        "owner": row.limit.owner,
        "since": None if row.began_before else row.since,
        **{name: told[name] for name in MORE},
        "freshness": str(told["freshness"]),
    }
