"""Which spans repeat the usage of others: a span around a call often carries the call's tokens once more.

A call by name is counted unless it is the same call told twice: a call below it has its response id, or (where ids are missing) the calls
below it add up to exactly its tokens, or it has no usage and one below it has. A span that does not say what it is counts only if no call is
above or below it; of two such spans the inner one counts.

Spans end from the inside out, so a parent comes with its children or after them. What came lately is remembered, within bounds, to tell
parents that come in a later request. What was forgotten, or came before a restart, cannot be told any more.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from collectors.otlp.operations import Kind

MOST_SPANS = 200_000
"""How many spans are remembered, over all traces."""
MOST_OF_A_TRACE = 20_000
"""A trace with more spans than this is begun anew: looking through all of it with each request would take too long."""
DEEPEST = 200


@dataclass(slots=True)
class Seen:
    """A span as far as ancestry goes. `tokens` None: it has no usage."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    kind: Kind
    tokens: tuple[object, object] | None
    response_id: str | None
    counts: bool = False


@dataclass(slots=True)
class _Trace:
    parents: dict[bytes, bytes] = field(default_factory=dict)
    calls: dict[bytes, Seen] = field(default_factory=dict)


class Traces:
    """The spans that came lately. Many threads may ask."""

    def __init__(self, most_spans: int = MOST_SPANS) -> None:
        self._most = most_spans
        self._spans = 0
        self._traces: OrderedDict[bytes, _Trace] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def spans_kept(self) -> int:
        """How many spans are remembered."""
        return sum(len(trace.parents) for trace in self._traces.values())

    def judge(self, links: Sequence[tuple[bytes, bytes, bytes]], candidates: Sequence[Seen]) -> None:
        """Set `counts` of each candidate. `links` are (trace, span, parent) of every span of the request."""
        with self._lock:
            for trace_id, span_id, parent_id in links:
                trace = self._traces.get(trace_id)
                if trace is None or len(trace.parents) >= MOST_OF_A_TRACE:
                    self._spans -= len(trace.parents) if trace else 0
                    trace = self._traces[trace_id] = _Trace()
                if span_id not in trace.parents:
                    self._spans += 1
                trace.parents[span_id] = parent_id
            for each in candidates:
                self._traces[each.trace_id].calls[each.span_id] = each
            fresh: dict[bytes, list[Seen]] = {}
            for each in candidates:
                fresh.setdefault(each.trace_id, []).append(each)
            for trace_id, ours in fresh.items():
                _decide(self._traces[trace_id], ours)
            for trace_id in fresh:
                self._traces.move_to_end(trace_id)
            self._forget()

    def _forget(self) -> None:
        while self._spans > self._most and len(self._traces) > 1:
            _, old = self._traces.popitem(last=False)
            self._spans -= len(old.parents)


def _decide(trace: _Trace, ours: Sequence[Seen]) -> None:
    if len(trace.calls) == 1:
        for each in ours:
            each.counts = each.kind is Kind.CALL or each.tokens is not None
        return
    above = {span_id: _ancestors(trace, span_id) for span_id in trace.calls}
    below: dict[bytes, list[Seen]] = {}
    for span_id, chain in above.items():
        for ancestor in chain:
            below.setdefault(ancestor, []).append(trace.calls[span_id])
    fresh = {each.span_id for each in ours}
    # The innermost first: whether an outer one counts depends on them.
    for each in sorted(ours, key=lambda seen: len(above[seen.span_id]), reverse=True):
        inner = [seen for seen in below.get(each.span_id, ()) if seen.counts]
        outer = [trace.calls[span_id] for span_id in above[each.span_id]]
        each.counts = not (_repeats(each, inner) or (each.kind is Kind.UNSAID and _told_above(outer, fresh)))


def _told_above(outer: Sequence[Seen], fresh: set[bytes]) -> bool:
    """Whether a call above says it all, or an outer span that does not say what it is was counted before."""
    return any(
        seen.tokens is not None and (seen.kind is Kind.CALL or (seen.counts and seen.span_id not in fresh)) for seen in outer
    )


def _repeats(each: Seen, inner: Sequence[Seen]) -> bool:
    if each.tokens is None:
        return any(seen.tokens is not None for seen in inner) or each.kind is Kind.UNSAID
    if each.kind is Kind.UNSAID:
        return bool(inner)
    told = [seen for seen in inner if seen.tokens is not None]
    if each.response_id is not None and any(seen.response_id == each.response_id for seen in told):
        return True
    if each.response_id is not None and all(seen.response_id is not None for seen in told):
        return False
    return bool(told) and each.tokens == tuple(_sum([seen.tokens[side] for seen in told if seen.tokens]) for side in (0, 1))


def _sum(numbers: Sequence[object]) -> object:
    return sum(number for number in numbers if isinstance(number, int | float))


def _ancestors(trace: _Trace, span_id: bytes) -> list[bytes]:
    """The calls above a span, nearest first."""
    found: list[bytes] = []
    met = {span_id}
    at = trace.parents.get(span_id, b"")
    while at and at not in met and len(met) < DEEPEST:
        met.add(at)
        if at in trace.calls:
            found.append(at)
        at = trace.parents.get(at, b"")
    return found
