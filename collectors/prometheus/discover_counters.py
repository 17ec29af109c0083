"""What counters suggest: the share of failures, processor time, and rates worth a chart."""

from __future__ import annotations

from collectors.prometheus.discover_draft import Draft

FAILING = frozenset("error errors failed failures failure fails exceptions".split())
CODES = ("code", "status", "status_code", "http_status", "status_class")
OF_THE_PAGE_ITSELF = ("promhttp_", "scrape_")
"""Counters about the page, not about what it is a page of."""
MOST_RATES = 8
CPU_OVER = "15m"
OBJECTIVE = {"kind": "slo", "objective_percent": "99", "window": {"rolling": "30d"}}


def cpu(draft: Draft) -> None:
    """Processor time of a node exporter's host that was not idle."""
    name = "node_cpu_seconds_total"
    draft.take((name, "node_cpu_guest_seconds_total"))
    if not any(level.labels.get("mode") == "idle" for level in draft.series.get(name, [])):
        return
    whole = draft.increase(draft.ident("cpu", "whole"), name, "seconds", {}, CPU_OVER)
    idle = draft.increase(draft.ident("cpu", "idle"), name, "seconds", {"mode": "idle"}, CPU_OVER)
    busy = draft.rest(draft.ident("cpu", "busy"), whole, idle, "seconds")
    meter = draft.share(draft.ident("cpu"), busy, whole, "Processor time in use")
    draft.limit(meter, "Processor time in use over 15 minutes", "80")
    draft.signal(name, "Processor time", "cores", by="mode", show="rate_per_second", across="sum")


def error_shares(draft: Draft) -> None:
    """Error budgets: counters of failures beside a counter of everything, or a counter that tells answers apart by their code."""
    for name in sorted(draft.series):
        if draft.full or name in draft.taken or not _is_counter(draft, name) or name.startswith(OF_THE_PAGE_ITSELF):
            continue
        whole = _everything(draft, name)
        if whole is not None:
            draft.take((name, whole))
            failed = draft.increase(draft.ident(name), name, _unit(name), {})
            _budget(draft, name, failed, whole, name)
            continue
        label = next((label for label in CODES if any(label in level.labels for level in draft.series[name])), None)
        if label is None:
            continue
        codes = sorted({level.labels.get(label, "") for level in draft.series[name]})
        failing = [code for code in codes if code.startswith("5") and len(code) == 3]
        if failing:
            draft.take((name,))
            parts = [draft.increase(draft.ident(name, code), name, _unit(name), {label: code}) for code in failing]
            failed = parts[0]
            if len(parts) > 1:
                failed = draft.ident(name, "failed")
                draft.meters[failed] = {"kind": "total", "unit": _unit(name), "of": parts}
            _budget(draft, name, failed, name, f"{name} with {label} {', '.join(failing)}")


def _budget(draft: Draft, name: str, failed: str, whole: str, told: str) -> None:
    calls = draft.increase(draft.ident(whole, "all"), whole, _unit(whole), {})
    limit_id = draft.ident(name.removesuffix("_total"), "budget")
    draft.limits.append(
        {
            "id": limit_id,
            "title": f"Failures: {told} of {whole}"[:400],
            "component": draft.entry.component,
            "unit": _unit(whole),
            "meter": failed,
            "amount_per": calls,
            "owner": "platform",
            "assumed": True,
            **OBJECTIVE,
        }
    )
    draft.lines.append(f"failures: {told} of {whole}")


def _everything(draft: Draft, name: str) -> str | None:
    """The counter of everything beside a counter of failures: `x_requests_total` of `x_requests_failed_total` or `x_errors_total`."""
    words = name.split("_")
    at = next((place for place, word in enumerate(words) if word in FAILING), None)
    if at is None:
        return None
    before, after = words[:at], words[at + 1 :]
    for other in ((*before, *after), (*before, "requests", *after), (*before, "calls", *after), (*before, "queries", *after)):
        candidate = "_".join(other)
        if candidate != name and candidate in draft.series and _is_counter(draft, candidate) and _unit(candidate) == _unit(name):
            return candidate
    return None


def rates(draft: Draft) -> None:
    """Charts of how often: each histogram's count, and counters of requests and bytes."""
    histograms = sorted(name for name, kind in draft.types.items() if kind == "histogram" and f"{name}_count" in draft.series)
    for name in histograms[:MOST_RATES]:
        draft.signal(f"{name}_count", f"{_words(name)}, a second", "operations_per_second", show="rate_per_second", across="sum")
    counters = sorted(name for name in draft.series if _is_counter(draft, name) and _is_flow(name))
    for name in counters[: max(0, MOST_RATES - len(histograms))]:
        unit = "bytes_per_second" if "bytes" in name.split("_") else "requests_per_second"
        draft.signal(name, f"{_words(name)}, a second", unit, show="rate_per_second", across="sum")


def _is_counter(draft: Draft, name: str) -> bool:
    return name.endswith("_total") and draft.types.get(name, draft.types.get(name.removesuffix("_total"))) in (
        "counter",
        "unknown",
        None,
    )


def _is_flow(name: str) -> bool:
    words = set(name.split("_"))
    return (
        bool({"requests", "bytes"} & words)
        and not {"seconds", "milliseconds"} & words
        and not name.startswith(OF_THE_PAGE_ITSELF)
    )


def _unit(name: str) -> str:
    return "requests" if "http" in name or "request" in name else "events"


def _words(name: str) -> str:
    return name.removesuffix("_total").replace("_", " ")
