"""The Budgets page as a file for spreadsheets: one line a budget, quota or credit."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dashboards.budget_rows import Budgets, window_answer
from dashboards.exports import safe

COLUMNS = (
    "limit_id", "platform", "kind", "title", "owner", "recipients", "state", "reason", "amount", "unit", "own_amount", "rolled_over", "used",
    "remaining", "fraction_left", "lower_bound", "burn_rate", "period", "zone", "window_start", "window_end", "exhausts_p10", "exhausts_p50",
    "exhausts_p90", "freshness", "observed_at", "as_of", "made_in", "coming_changes", "note",
)  # fmt: skip


def budgets_csv(found: Budgets, now: datetime) -> str:
    """Decimals as stored, instants as RFC 3339, nothing for None. Of a credit the amount, what was used and what is left."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for each in found.rows:
        limit, headroom = each.row.limit, each.row.headroom
        window = window_answer(limit.window) or {}
        told: dict[str, object] = {
            "title": limit.title,
            "owner": limit.owner,
            "recipients": ", ".join(limit.recipients),
            "own_amount": limit.amount,
            "rolled_over": each.rolled_over,
            "period": _period(window),
            "zone": window.get("zone"),
            "made_in": "app" if each.own else "pack",
            "coming_changes": len(each.coming(now)),
            "note": limit.note,
        }
        writer.writerow([safe(told[name] if name in told else getattr(headroom, name)) for name in COLUMNS])
    for drawn in found.credits:
        spec = drawn.credit.spec
        told = {
            "limit_id": drawn.credit.name, "platform": drawn.credit.platform, "kind": "credit", "title": spec.title, "owner": spec.owner,
            "recipients": ", ".join(spec.recipients), "amount": spec.amount_usd, "unit": "usd", "own_amount": spec.amount_usd, "used": drawn.used_usd,
            "remaining": drawn.left_usd, "lower_bound": drawn.at_most, "zone": spec.zone, "window_start": drawn.credit.since,
            "window_end": drawn.credit.until, "exhausts_p50": drawn.runs_out_at, "observed_at": drawn.last_at, "as_of": now, "made_in": "app",
            "note": spec.note,
        }  # fmt: skip
        writer.writerow([safe(told.get(name)) for name in COLUMNS])
    return out.getvalue()


def _period(window: Mapping[str, Any]) -> str:
    if not window:
        return ""
    return str(window["period"]) if "period" in window else f"{window['rolling_s'] / 86_400:g} d rolling"
