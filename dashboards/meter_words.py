"""What a meter measures, in words: whether a figure is the last reading, a mean of the last minutes, or a count over the window."""

from __future__ import annotations

from typing import Any

from analytics.wording import span_text
from roomleft.packs import Pack

ACROSS = {"sum": "the sum of its series", "max": "the highest of its series", "min": "the lowest of its series", "mean": ""}
OVER_TIME = {"last": "last reading in", "mean": "mean of the last", "max": "highest of the last", "min": "lowest of the last"}


def said(pack: Pack, meter_id: str) -> str:
    """`mean of the last 5 min of query_time_ms`; empty for a meter the pack does not have."""
    meter: Any = getattr(pack, "meters", {}).get(meter_id)
    if meter is None:
        return ""
    over = span_text(meter.over) if getattr(meter, "over", None) else ""
    match meter.kind:
        case "gauge":
            which = f", {ACROSS[meter.across]}" if ACROSS[meter.across] else ""
            return f"{OVER_TIME[meter.over_time]} {over} of {meter.series}{which}"
        case "increase":
            return f"how far {meter.series} rose in {f'the last {over}' if over else 'the window'}"
        case "ratio":
            return f"{meter.part} over {meter.whole}{' in %' if meter.unit == 'percent' else ''}"
        case "total":
            return f"the sum of {', '.join(meter.of)}"
        case "cost" | "infrastructure_cost":
            return f"{'priced AI usage' if meter.kind == 'cost' else 'infrastructure'} of {f'the last {over}' if over else 'the window'}"
        case "count":
            return f"{meter.of} of AI usage in {f'the last {over}' if over else 'the window'}"
        case "distinct_users":
            return f"users seen in {f'the last {over}' if over else 'the window'}, on whole days"
        case "failing_minutes":
            return f"minutes in which a health check of {', '.join(meter.components)} failed"
        case "percentile":
            return f"p{meter.percent} of AI call latency over {over}, within 1\u202f%"
        case "sql":
            return f"the query {meter.file}"
    return str(meter.kind).replace("_", " ")
