"""GenAI token metrics as usage, for platforms whose pack says that they send no spans: one row for each set of attributes and interval.

Cached and reasoned tokens are parts of input and output and are never added to them. Where a sender speaks both generations, the counters count
and the histogram is let go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from collectors.otlp import names
from collectors.otlp.calls import at_of
from collectors.otlp.operations import Kind, operation_of
from collectors.otlp.points import Point
from collectors.otlp.senders import Sender, attributes_of

HISTOGRAM: Final = "gen_ai.client.token.usage"
DURATIONS: Final = frozenset({"gen_ai.client.inference.duration", "gen_ai.client.operation.duration"})
COUNTERS: Final = MappingProxyType(
    {
        "gen_ai.client.inference.usage.input_tokens": "input_tokens",
        "gen_ai.client.inference.usage.output_tokens": "output_tokens",
        "gen_ai.client.inference.usage.cache_read.input_tokens": "cache_read_tokens",
        "gen_ai.client.inference.usage.cache_write.input_tokens": "cache_write_tokens",
        "gen_ai.client.inference.usage.cache_creation.input_tokens": "cache_write_tokens",
        "gen_ai.client.inference.usage.reasoning.output_tokens": "reasoning_tokens",
    }
)
TOKEN_METRICS: Final = frozenset({HISTOGRAM, *DURATIONS, *COUNTERS})
TYPE, MODALITY = "gen_ai.token.type", "gen_ai.token.modality"
TYPES: Final = MappingProxyType(
    {
        "input": "input_tokens", "prompt": "input_tokens", "output": "output_tokens", "completion": "output_tokens",
        "cache_read": "cache_read_tokens", "cache_write": "cache_write_tokens", "cache_creation": "cache_write_tokens",
        "reasoning": "reasoning_tokens",
    }
)  # fmt: skip
SIDES: Final = MappingProxyType({"input_tokens": "input", "output_tokens": "output", "cache_read_tokens": "cache_read"})
Group = tuple[str, str | None, str | None, str | None, str, tuple[tuple[str, str], ...], int]


@dataclass(slots=True)
class _Gained:
    """What one set of attributes gained by one instant."""

    since_us: int = 0
    counted: dict[str, float] = field(default_factory=dict)
    measured: dict[str, float] = field(default_factory=dict)
    units: dict[str, float] = field(default_factory=dict)
    requests: float | None = None
    observed: float | None = None


class TokenMetrics:
    """Data points of token metrics, and what each gained since the reading before."""

    def __init__(
        self, points: Mapping[int, tuple[str, Sender, Point]], gained: Mapping[tuple[int, str], tuple[float, int]]
    ) -> None:
        self._points = points
        self._gained: dict[int, dict[str, tuple[float, int]]] = {}
        for (number, name), rise in gained.items():
            self._gained.setdefault(number, {})[name.rpartition("_")[2]] = rise

    def records(self) -> list[dict[str, Any]]:
        """Usage records, each of an interval (`period_end`) with the number of its requests (0: not told)."""
        groups: dict[Group, _Gained] = {}
        for number, rises in self._gained.items():
            if number in self._points:
                self._add(groups, *self._points[number], rises)
        return [record for group, gained in groups.items() if (record := _record(group, gained)) is not None]

    def _add(
        self, groups: dict[Group, _Gained], metric: str, sender: Sender, point: Point, rises: Mapping[str, tuple[float, int]]
    ) -> None:
        found = attributes_of(point.attributes, sender.reads | {TYPE, MODALITY})
        kind, operation = operation_of(found)
        if kind is Kind.AROUND:
            return
        group = _group(sender, found, operation, point.at)
        gained = groups.setdefault(group, _Gained())
        since = min((since for _, since in rises.values() if since), default=0)
        gained.since_us = min(filter(None, (gained.since_us, since)), default=0)
        if metric in DURATIONS:
            gained.requests = (gained.requests or 0.0) + rises.get("count", (0.0, 0))[0]
            return
        field_name = COUNTERS.get(metric) or TYPES.get(str(found.get(TYPE)))
        if field_name is None:
            return
        if metric == HISTOGRAM:
            gained.measured[field_name] = gained.measured.get(field_name, 0.0) + rises.get("sum", (0.0, 0))[0]
            if field_name == "input_tokens":
                gained.observed = (gained.observed or 0.0) + rises.get("count", (0.0, 0))[0]
            return
        rise = rises.get("total", (0.0, 0))[0]
        gained.counted[field_name] = gained.counted.get(field_name, 0.0) + rise
        modality = str(found.get(MODALITY, "text")).lower()
        if modality in names.MODALITIES and field_name in SIDES and rise:
            unit = f"{SIDES[field_name]}_{modality}_tokens"
            gained.units[unit] = gained.units.get(unit, 0.0) + rise


def _group(sender: Sender, found: dict[str, Any], operation: str | None, at: int) -> Group:
    def text(candidates: names.Names) -> str | None:
        return next((str(found[name]) for name in candidates if name in found), None)

    said = text(names.PROVIDER)
    provider = sender.provider(said) if said else None
    model = sender.model(provider, text(names.ASKED_MODEL), text(names.ANSWERED_MODEL))
    whom = sender.whom(found)
    whom.pop("session", None)
    status = "error" if names.ERROR in found else "ok"
    return str(sender.platform), provider, model, operation, status, tuple(sorted(whom.items())), at


def _record(group: Group, gained: _Gained) -> dict[str, Any] | None:
    platform, provider, model, operation, status, whom, at = group
    tokens = gained.counted if any(gained.counted.values()) else gained.measured
    requests = gained.requests if gained.requests is not None else gained.observed or 0.0
    if not requests and not any(tokens.values()):
        return None
    at_us = at // 1000
    since_us = gained.since_us if 0 < gained.since_us < at_us else at_us - 1
    told = "\x1f".join(map(repr, group))
    units = dict(gained.units)
    for kind in names.MODALITIES:
        fresh, cached = f"input_{kind}_tokens", units.get(f"cache_read_{kind}_tokens", 0.0)
        if fresh in units and cached:
            units[fresh] = max(0.0, units[fresh] - cached)
    record = {
        "id": f"metric-{hashlib.blake2b(told.encode(), digest_size=12).hexdigest()}", "platform": platform, "occurred_at": at_of(since_us * 1000),
        "period_end": at_of(at_us * 1000), "provider": provider, "model": model, "operation": operation, "status": status,
        "requests": _whole(requests), **{name: _whole(count) for name, count in tokens.items()}, **dict(whom),
        "other_units": {unit: count for unit, count in units.items() if count} or None,
    }  # fmt: skip
    return {name: value for name, value in record.items() if value is not None}


def _whole(value: float) -> int | float:
    return int(value) if value.is_integer() else value
