"""Entries of a provider's report as bill lines and as usage records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

import pyarrow as pa

from collectors.providers.entries import Entry
from warehouse.charges import LINES, Bill

PLACES = Decimal(1).scaleb(-15)
WORDS_OF = (
    ("Tax", re.compile(r"\b(tax|vat|gst)\b", re.I)),
    (
        "Credit",
        re.compile(r"\b(credits? (grant|granted|applied|note)|free credits?|grants?|promo\w*|voucher|goodwill|discount)\b", re.I),
    ),
    ("Purchase", re.compile(r"\b(purchase|prepaid|pre-paid|top.?up|subscription|seats?|commitment|reserved|scale tier)\b", re.I)),
)
REFUND = re.compile(r"\b(refund\w*|chargeback|reversal)\b", re.I)


def category(words: str, cost: Decimal) -> tuple[str, str | None]:
    """A line's FOCUS ChargeCategory and ChargeClass. A refund stays in the category of what it gives back, as a Correction; what is negative
    for another reason is a Credit. Amounts are never touched."""
    found = next((name for name, pattern in WORDS_OF if pattern.search(words)), "Usage")
    if REFUND.search(words):
        return found, "Correction"
    if cost < 0 and found in ("Usage", "Purchase"):
        return "Credit", None
    return found, None


def bill(entries: Iterable[Entry], days: Sequence[date], *, source: str, platform: str, provider: str) -> Bill:
    """Every entry of whole UTC days as lines. Use without a cost has amounts of 0: it is there to compare quantities with."""
    rows: dict[tuple[date, str], dict[str, Any]] = {}
    for entry in entries:
        day = entry.start.date()
        for line in _lines(entry, platform, provider):
            key = (day, line["line"])
            if key in rows:
                for name in ("quantity", "billed_cost", "effective_cost", "list_cost"):
                    if line[name] is not None:
                        rows[key][name] = (rows[key][name] or Decimal(0)) + line[name]
            else:
                rows[key] = {**line, "billing_period": day}
    return Bill(source, tuple(days), pa.Table.from_pylist(list(rows.values()), schema=LINES))


def _lines(entry: Entry, platform: str, provider: str) -> list[dict[str, Any]]:
    start = datetime.combine(entry.start.date(), datetime.min.time(), entry.start.tzinfo)
    shared = {
        "platform": platform, "provider": provider, "service": entry.dims.get("operation") or entry.dims.get("cost_type"), "charge_start": start,
        "charge_end": start + timedelta(days=1), "currency": entry.currency, "tags": sorted(entry.dims.items()), "description": entry.words or None,
    }  # fmt: skip
    model = entry.dims.get("model") or entry.dims.get("product_type") or entry.dims.get("line_item")
    lines: list[dict[str, Any]] = []
    if entry.cost is not None or entry.quantity is not None:
        cost = _stored(entry.cost or Decimal(0))
        kind, correction = category(entry.words, cost)
        # What is bought ahead costs when it is used; FOCUS gives its purchase an effective cost of nothing.
        effective = Decimal(0) if kind == "Purchase" else cost
        listed = None
        if entry.unit_price is not None and entry.quantity is not None:
            with localcontext(prec=60):
                listed = _stored(entry.unit_price * entry.quantity)
        line = {
            **shared,
            "line": entry.key or "all",
            "category": kind,
            "charge_class": correction,
            "sku": model,
            "billed_cost": cost,
            "effective_cost": effective,
            "list_cost": listed,
            "quantity": None if entry.quantity is None else _stored(entry.quantity),
            "unit": entry.unit,
        }
        lines.append(line)
    quantities = {**entry.counts, **entry.other_units, "audio_seconds": entry.audio_seconds}
    if entry.requests is not None and entry.words != "at least":
        quantities["requests"] = entry.requests
    for name, number in quantities.items():
        if number:
            line = {
                **shared,
                "line": f"{entry.key}|{name}",
                "category": "Usage",
                "charge_class": None,
                "sku": f"{model or 'all'}/{name}",
                "billed_cost": Decimal(0),
                "effective_cost": Decimal(0),
                "list_cost": None,
                "quantity": _stored(Decimal(str(number))),
                "unit": name,
                "description": None,
            }
            lines.append(line)
    return lines


def records(entries: Iterable[Entry], *, report: str, provider: str) -> list[dict[str, Any]]:
    """Entries as pre-aggregated usage records of the platform API: one a bucket and what tells it apart."""
    found: list[dict[str, Any]] = []
    for entry in entries:
        if not (entry.counts or entry.other_units or entry.audio_seconds or entry.requests):
            continue
        dims = entry.dims
        attributes = {name: dims[name] for name in ("context_window", "size", "source", "fiat_charge_type") if name in dims}
        if entry.words == "at least":
            attributes["requests"] = "at least"
        record: dict[str, Any] = {
            "id": f"{report}:{entry.start:%Y%m%dT%H%MZ}:{entry.id}", "occurred_at": entry.start.isoformat(), "period_end": entry.end.isoformat(),
            "provider": provider, "operation": "batch" if dims.get("service_tier") == "batch" else dims.get("operation"),
            "request_type": report, "requests": 1 if entry.requests is None else entry.requests, **entry.counts,
        }  # fmt: skip
        for name, field in (
            ("model", "model"),
            ("service_tier", "service_tier"),
            ("project_id", "project"),
            ("api_key_hash", "api_key_hash"),
        ):
            if name in dims:
                record[field] = dims[name]
        if entry.other_units:
            record["other_units"] = dict(entry.other_units)
        if entry.audio_seconds:
            record["audio_seconds"] = entry.audio_seconds
        if entry.cost is not None and entry.currency == "USD" and entry.cost >= 0:
            record["reported_cost_usd"] = f"{entry.cost.quantize(Decimal(1).scaleb(-9), ROUND_HALF_EVEN):f}"
            attributes["cost_source"] = "provider"
        if attributes:
            record["attributes"] = attributes
        found.append(record)
    return found


def _stored(number: Decimal) -> Decimal:
    with localcontext(prec=60):
        return number.quantize(PLACES, ROUND_HALF_EVEN)
