"""The headroom of every limit as the API and `status` give it: stored rows, worst first, too old ones unknown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from roomleft.limits import WORST_FIRST, State
from roomleft.packs import Pack
from warehouse.store import Store

STALE_AFTER = timedelta(minutes=3)
"""A row older than this was not measured lately: what it says may no longer be so."""


def headroom_rows(store: Store, packs: Mapping[str, Pack], now: datetime) -> list[dict[str, Any]]:
    """One dict for each limit in force, in the form DESIGN promises to programs.

    A limit that was never measured, or not for three minutes, is `unknown` and says so.
    """
    stored = {row["limit_id"]: row for row in store.rows("headroom_now")}
    rows = []
    for pack in packs.values():
        for limit in pack.limit_list():
            row = stored.get(limit.limit_id)
            if row is None:
                rows.append(
                    _never(limit.limit_id, limit.platform, limit.kind, limit.amount, limit.unit, limit.title, limit.owner, now)
                )
                continue
            rows.append(_row(row, limit.title, limit.owner, now))
    rank = {state: n for n, state in enumerate(WORST_FIRST)}
    rows.sort(
        key=lambda r: (rank[State(r["state"])], r["fraction_left"] if r["fraction_left"] is not None else 0.0, r["limit_id"])
    )
    return rows


def _row(row: Mapping[str, Any], title: str, owner: str, now: datetime) -> dict[str, Any]:
    state, reason = row["state"], row["reason"]
    if now - row["as_of"] > STALE_AFTER:
        minutes = int((now - row["as_of"]).total_seconds() // 60)
        state, reason = State.UNKNOWN.value, f"not measured for {minutes} min; it was {row['state']}"
    dates = None
    if row["exhausts_p50"] is not None:
        dates = {"p10": row["exhausts_p10"], "p50": row["exhausts_p50"], "p90": row["exhausts_p90"]}
    names = ("limit_id", "platform", "kind", "amount", "unit", "used", "remaining", "fraction_left")
    return {
        **{name: row[name] for name in names},
        "state": state,
        "reason": reason,
        "burn_rate": row["burn_rate"],
        "exhausts_at": dates,
        "p_breach": row["p_breach"],
        "as_of": row["as_of"],
        "title": title,
        "owner": owner,
        **{
            name: row[name]
            for name in ("subject", "basis", "lower_bound", "freshness", "observed_at", "window_start", "window_end")
        },
    }


def _never(
    limit_id: str, platform: str, kind: str, amount: Any, unit: str, title: str, owner: str, now: datetime
) -> dict[str, Any]:
    return {
        "limit_id": limit_id, "platform": platform, "kind": str(kind), "amount": amount, "unit": unit, "used": None, "remaining": None,
        "fraction_left": None, "state": State.UNKNOWN.value, "reason": "not measured yet", "burn_rate": None, "exhausts_at": None,
        "p_breach": None, "as_of": now, "title": title, "owner": owner, "subject": "", "basis": "", "lower_bound": False,
        "freshness": "provisional", "observed_at": None, "window_start": None, "window_end": None,
    }  # fmt: skip
