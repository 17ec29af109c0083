"""Spans of calls to models as usage records. The rest of a trace is let go; what a span says in words is never read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collectors.otlp import names
from collectors.otlp.ancestry import Seen, Traces
from collectors.otlp.operations import Kind, operation_of
from collectors.otlp.senders import Found, Sender, attributes_of
from collectors.otlp.tokens import has_usage, number, quantities
from collectors.records.fields import DURATION_LIMIT_MS, MONEY_LIMIT, TEXT_LIMIT, Refusal
from collectors.records.refused import Normalised, RefusedRows
from collectors.records.usage_fields import NAMED
from collectors.records.usage_rows import usage_table

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
IDENTIFIER = re.compile(r"[\w.:/@+\-=#|,\[\]()]{1,200}")
"""What a name looks like that programs give: without a blank, so no sentence is one."""
UNREPORTED = "unreported_usage"
"""Counts calls that say nothing of what they used. Nothing has a price for it, so such a call is unpriced and never $0."""
METRICS_ONLY = "the pack counts token metrics (otlp.metrics_only), so a span would be counted a second time"
ERROR_STATUS = 2
USD = "USD"


@dataclass(slots=True)
class _Candidate:
    """A span that may be a call, before it is known whether it repeats another."""

    place: int
    span: Any
    sender: Sender
    found: Found
    operation: str | None
    seen: Seen


@dataclass(frozen=True, slots=True)
class Judged:
    """What a request comes to. `refused` spans were calls that are kept out; `reasons` say why, each once. `platforms` sent it."""

    usage: Normalised
    refused: int
    reasons: tuple[str, ...]
    platforms: frozenset[str]


def usage_of(
    request: ExportTraceServiceRequest, *, source: str, sender_of: Callable[[Any], Sender], traces: Traces, now: datetime
) -> Judged:
    """The calls in a request as `tables.USAGE`, and those refused as `tables.REJECTED` (`line` is the span's place in the request, 1-based)."""
    candidates, links = _candidates(request, sender_of)
    traces.judge(links, [each.seen for each in candidates])
    refused = RefusedRows(source, "usage", now, NAMED)
    records: dict[str, list[dict[str, Any]]] = {}
    for each in candidates:
        if not each.seen.counts:
            continue
        record: dict[str, Any] = {"id": f"{each.span.trace_id.hex()}-{each.span.span_id.hex()}"}
        try:
            record |= _record(each)
            if each.sender.platform is None:
                raise Refusal("platform", each.sender.unknown)
            if each.sender.metrics_only:
                raise Refusal("platform", METRICS_ONLY)
        except Refusal as refusal:
            refused.add(refusal, each.place, record)
        else:
            records.setdefault(str(each.sender.platform), []).append(record)
    parts = [
        usage_table(rows, source=source, platform=platform, known_platforms=(platform,), now=now)
        for platform, rows in records.items()
    ] or [usage_table([], source=source, platform=None, known_platforms=(), now=now)]
    rejected = pa.concat_tables([refused.table(), *(part.rejected for part in parts)])
    reasons = tuple(dict.fromkeys(rejected.column("reason").to_pylist()))
    rows = pa.concat_tables([part.rows for part in parts])
    return Judged(Normalised(rows, rejected), rejected.num_rows, reasons, frozenset(records))


def _candidates(
    request: ExportTraceServiceRequest, sender_of: Callable[[Any], Sender]
) -> tuple[list[_Candidate], list[tuple[bytes, bytes, bytes]]]:
    candidates: list[_Candidate] = []
    links: list[tuple[bytes, bytes, bytes]] = []
    place = 0
    for group in request.resource_spans:
        sender = sender_of(group.resource)
        for scope in group.scope_spans:
            for span in scope.spans:
                place += 1
                link = (span.trace_id, span.span_id, span.parent_span_id)
                links.append(link)
                found = attributes_of(span.attributes, sender.reads)
                kind, operation = operation_of(found)
                used = kind is not Kind.AROUND and has_usage(found)
                if kind is Kind.CALL or used:
                    tokens = (number(found, names.INPUT), number(found, names.OUTPUT)) if used else None
                    seen = Seen(*link, kind, tokens, _text(found, names.RESPONSE_ID))
                    candidates.append(_Candidate(place, span, sender, found, operation, seen))
    return candidates, links


def _record(each: _Candidate) -> dict[str, Any]:
    """The usage record of a call. Raises Refusal."""
    span, found, sender = each.span, each.found, each.sender
    if len(span.trace_id) != 16 or len(span.span_id) != 8:
        raise Refusal("id", "a span needs a trace id of 16 bytes and a span id of 8")
    fields, units, notes = quantities(found, each.operation)
    status = _status(span, found)
    if each.seen.tokens is None and status == "ok":
        units[UNREPORTED] = 1.0
    said = _text(found, names.PROVIDER)
    provider = sender.provider(said) if said else None
    asked, answered = _text(found, names.ASKED_MODEL), _text(found, names.ANSWERED_MODEL)
    model = sender.model(provider, asked, answered)
    whom = sender.whom(found)
    duration_ms = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6
    attributes = {
        "session": whom.pop("session", None),
        "service": sender.service,
        "asked_model": asked if asked != model else None,
        "finish_reason": _text(found, names.FINISH),
        "error": _text(found, (names.ERROR,)),
        **notes,
    }
    cost = _cost(found, attributes)
    tier = _text(found, names.SERVICE_TIER)
    record = {
        **fields, **whom,
        "platform": sender.platform, "occurred_at": at_of(span.start_time_unix_nano), "provider": provider, "model": model,
        "operation": each.operation, "status": status, "response_id": each.seen.response_id,
        "service_tier": tier if tier != "auto" else None,
        "latency_ms": duration_ms if 0 < duration_ms <= DURATION_LIMIT_MS else None,
        "first_token_ms": _first_token_ms(span, found), "reported_cost_usd": cost, "other_units": units or None,
        "attributes": {name: value for name, value in attributes.items() if value is not None} or None,
    }  # fmt: skip
    return {name: value for name, value in record.items() if value is not None}


def at_of(unix_nano: int) -> str:
    """An instant of OTLP as RFC 3339, to the microsecond."""
    return (EPOCH + timedelta(microseconds=unix_nano // 1000)).isoformat(timespec="microseconds")


def _text(found: Mapping[str, Any], candidates: names.Names) -> str | None:
    """The first that is a name. A text that reads like a sentence is none."""
    for name in candidates:
        value = found.get(name)
        if isinstance(value, str) and IDENTIFIER.fullmatch(value.strip()):
            return value.strip()
    return None


def _status(span: Any, found: Found) -> str:
    if span.status.code != ERROR_STATUS and names.ERROR not in found:
        return "ok"
    return "timeout" if "timeout" in str(found.get(names.ERROR, "")).lower() else "error"


def _first_token_ms(span: Any, found: Found) -> float | None:
    seconds, told = number(found, names.FIRST_TOKEN_S), number(found, names.FIRST_TOKEN_MS)
    if told is None and seconds is not None:
        told = seconds * 1000
    if told is None:
        times = [event.time_unix_nano for event in span.events if event.name in names.FIRST_TOKEN_EVENTS]
        told = (min(times) - span.start_time_unix_nano) / 1e6 if times else None
    return float(told) if told is not None and 0 <= told <= DURATION_LIMIT_MS else None


def _cost(found: Found, attributes: dict[str, str | None]) -> str | None:
    """What the span says the call cost, in dollars. Another currency, or an amount that cannot be one, is noted and not used."""
    said = next((found[name] for name in names.COST if name in found), None)
    if said is None or isinstance(said, bool):
        return None
    try:
        amount = Decimal(str(said).strip())
        usable = amount.is_finite() and 0 <= amount < MONEY_LIMIT
    except InvalidOperation:
        usable = False
    if not usable:
        attributes["cost_not_used"] = "not an amount"
        return None
    currency = str(found.get(names.CURRENCY, USD)).strip().upper()
    if currency != USD:
        attributes["cost_not_used"] = (
            f"{amount.normalize():f} {currency}"[:TEXT_LIMIT] if currency.isalpha() and len(currency) <= 5 else "currency"
        )
        return None
    if found.get(names.COST_SOURCE) == "provider":
        attributes["cost_source"] = "provider"
    return f"{amount.quantize(Decimal('1e-9')):f}"
