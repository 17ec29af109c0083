"""Pricing the past again: what stored calls cost by the prices as known now for the time they happened, and why that differs.

Looking changes nothing. Applying appends a revision with the difference to each call that differs, so that what was said before can still be read, and
marks the quarter hours to be rolled up again. Doing it twice adds nothing. A call that has a cost never loses it: where no list knows its price any
more it keeps the one it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from roomleft.errors import InputError
from roomleft.timespan import utc
from warehouse.ingest.pricing import KeptOut, Priced, price_rows
from warehouse.ingest.rate_stretches import CONTRACT
from warehouse.marking import sealed_before
from warehouse.revisions import REPRICE, REVISING, Events, Wanted, append_revisions, events_to_price
from warehouse.state.closed_periods import ClosedPeriod
from warehouse.store import Store, Transaction

ZERO = Decimal(0)
DAY = timedelta(days=1)
MOST_CALLS = 50_000
"""How many calls are priced at once."""
LATE, CORRECTED, UNDER_CONTRACT, SAME = "late price", "corrected price", "contract", "unchanged"
UNKNOWN_NOW, NOT_PRICEABLE = "no list knows their price now", "their quantities cannot be priced"
Thing = tuple[str, str, str]
"""Provider, model, platform."""
Rates = Callable[[Transaction, Sequence[Thing], bool], Sequence[Mapping[str, Any]]]
"""Rows of `rates` as known now for these things. Where the flag is set they are noted in the warehouse too, so that a cost can name its price."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which calls: those in [since, until), of one platform, provider or model if given."""

    since: datetime
    until: datetime
    platform: str | None = None
    provider: str | None = None
    model: str | None = None

    def checked(self) -> Asked:
        """Itself in UTC. Raises InputError for an empty span."""
        since, until = utc(self.since), utc(self.until)
        if since >= until:
            raise InputError("since must be before until", "reprice", "ranges are half-open: [since, until)")
        return Asked(since, until, self.platform, self.provider, self.model)

    def steps(self) -> Iterator[tuple[datetime, datetime]]:
        """Its UTC days."""
        at = self.since
        while at < self.until:
            after = min(self.until, at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + DAY)
            yield at, after
            at = after


@dataclass(slots=True)
class Line:
    """The calls of one model on one UTC day that differ for one reason, or do not: what they cost as stored, and by the list."""

    day: str
    platform: str
    provider: str | None
    model: str | None
    why: str
    requests: int = 0
    stored_usd: Decimal = ZERO
    listed_usd: Decimal = ZERO

    @property
    def difference_usd(self) -> Decimal:
        """What re-pricing adds."""
        return self.listed_usd - self.stored_usd


@dataclass(slots=True)
class Repriced:
    """What re-pricing found, by day and model; `revisions`: how many it appended. `left_alone`: calls that keep their cost, by reason."""

    lines: list[Line] = field(default_factory=list)
    revisions: int = 0
    left_alone: dict[str, int] = field(default_factory=dict)

    @property
    def changed(self) -> list[Line]:
        """The lines that differ."""
        return [line for line in self.lines if line.why != SAME]

    def totals(self) -> tuple[Decimal, Decimal, Decimal]:
        """Stored, by the list, and the difference, of all calls looked at. The lines add up to them."""
        stored, listed = (sum((getattr(line, name) for line in self.lines), ZERO) for name in ("stored_usd", "listed_usd"))
        return stored, listed, listed - stored


def refuse_settled(store: Store, asked: Asked, closed: Sequence[ClosedPeriod]) -> None:
    """Raises InputError, naming them, where a part of the span is closed books, or its calls are deleted and only their sums are left."""
    span = asked.checked()
    before = store.run(lambda tx: sealed_before(tx, "usage"))
    if before is not None and span.since < before:
        raise InputError(
            f"calls before {before:%Y-%m-%d} are past keeping: only their sums are left",
            "reprice",
            f"begin at {before:%Y-%m-%d} or later",
        )
    shut = [
        period
        for period in closed
        if period.since < span.until
        and span.since < period.until
        and (not period.platform or span.platform in (None, period.platform))
    ]
    if shut:
        named = ", ".join(
            f"{each.since:%Y-%m-%d %H:%M} to {each.until:%Y-%m-%d %H:%M} UTC of {each.platform or 'all platforms'}"
            for each in shut
        )
        raise InputError(f"the books are closed: {named}", "reprice", "leave that time out, or `roomleft reopen` it first")


def reprice(
    store: Store, rates: Rates, asked: Asked, now: datetime, *, apply: bool = False, closed: Sequence[ClosedPeriod] = (),
    progress: Callable[[datetime, Repriced], None] | None = None,
) -> Repriced:  # fmt: skip
    """Prices the calls again, a UTC day at a time, each in a transaction of its own. With `apply` the differences are appended as revisions.

    Raises InputError where a part of the time may not change (`refuse_settled`) and StoreError. Stopped half-way, the days before stay done; doing it again
    does the rest.
    """
    span = asked.checked()
    if apply:
        refuse_settled(store, span, closed)
    found = Repriced()
    known: dict[tuple[Any, ...], Line] = {}
    models = [span.model] if span.model is not None else None
    for since, until in span.steps():
        wanted: Wanted | None = Wanted(since, until, span.platform, span.provider, models)
        while wanted is not None:
            work = partial(_step, rates=rates, wanted=wanted, now=now, apply=apply)
            lines, alone, revisions, after = store.run(work, fence=REVISING if apply else None)
            _add(known, lines)
            found.revisions += revisions
            for reason, calls in alone.items():
                found.left_alone[reason] = found.left_alone.get(reason, 0) + calls
            wanted = replace(wanted, after=after) if after is not None else None
        if progress is not None:
            progress(until, found)
    found.lines = sorted(
        known.values(), key=lambda line: (line.day, line.platform, line.provider or "", line.model or "", line.why)
    )
    return found


def _step(
    tx: Transaction, rates: Rates, wanted: Wanted, now: datetime, apply: bool
) -> tuple[Sequence[Line], Mapping[str, int], int, tuple[datetime, str, str] | None]:
    """Lines, calls left alone, revisions appended of the next calls; behind which call to go on."""
    events = events_to_price(tx, wanted, most=MOST_CALLS)
    count = events.usage.num_rows
    if not count:
        return (), {}, 0, None
    named = zip(*(events.usage[name].to_pylist() for name in ("provider", "model", "platform")), strict=True)
    things = sorted(
        {(provider, model, platform) for provider, model, platform in named if provider is not None and model is not None}
    )
    known = rates(tx, things, apply)
    priced, places = _priced(events.usage, known)
    alone, rest = {}, sorted(set(range(count)).difference(places))
    if rest:
        alone[NOT_PRICEABLE] = len(rest)
    contracts = {rate["price_id"] for rate in known if str(rate["catalogue"]).startswith(CONTRACT)}
    lines: dict[tuple[Any, ...], Line] = {}
    differing = []
    new = zip(*(column.to_pylist() for column in (priced.cost_state, priced.cost_usd, priced.price_id)), strict=True)
    for place, (call, (state, usd, new_state, new_usd, new_id)) in enumerate(
        (call, (*was, *now_is)) for (call, was), now_is in zip(_calls(events, places), new, strict=True)
    ):
        why = _why(state, usd, new_state, new_usd, new_id, contracts)
        if why is None:
            alone[UNKNOWN_NOW] = alone.get(UNKNOWN_NOW, 0) + 1
        elif why != SAME:
            differing.append(place)
        _count(lines, call, why or SAME, usd, usd if why is None else new_usd)
    for call, (_, usd) in _calls(events, rest):
        _count(lines, call, SAME, usd, usd)
    revisions = 0
    if apply and differing:
        rows = pa.array(differing)
        usage = events.usage.take(pa.array(places))
        of_usage = {name: usage[name].take(rows) for name in ("event_id", "source", "occurred_at")}
        hashes = events.id_hash.take(pa.array(places)).take(rows)
        costs = {name: column.take(rows) for name, column in vars(priced).items()}
        revisions = append_revisions(tx, pa.table({**of_usage, "id_hash": hashes, **costs}), REPRICE, now)
    return list(lines.values()), alone, revisions, events.last if count == MOST_CALLS else None


def _calls(events: Events, places: Sequence[int]) -> Iterator[tuple[tuple[Any, ...], tuple[str, Decimal]]]:
    """Of each call at these places: day, platform, provider, model and requests; and the state and cost that are stored."""
    at = pa.array(places, pa.int64())
    usage, current = events.usage.take(at), events.current.take(at)
    named = [usage[name].to_pylist() for name in ("occurred_at", "platform", "provider", "model", "requests")]
    for when, *rest, state, usd in zip(
        *named, current["current_state"].to_pylist(), current["current_usd"].to_pylist(), strict=True
    ):
        yield (f"{utc(when):%Y-%m-%d}", *rest), (state, usd)


def _count(lines: dict[tuple[Any, ...], Line], call: tuple[Any, ...], why: str, stored: Decimal, listed: Decimal) -> None:
    key = (*call[:4], why)
    line = lines.setdefault(key, Line(*key))
    line.requests += call[4]
    line.stored_usd += stored
    line.listed_usd += listed


def _why(state: str, usd: Decimal, new_state: str, new_usd: Decimal, new_id: str | None, contracts: set[str]) -> str | None:
    """Why a call's cost differs; SAME where it does not, None where its price is not known any more."""
    if (state, usd) == (new_state, new_usd):
        return SAME
    if new_state == "unpriced" and state != "unpriced":
        return None
    if new_id is not None and not contracts.isdisjoint(new_id.split(" + ")):
        return UNDER_CONTRACT
    return LATE if state == "unpriced" else CORRECTED


def _priced(usage: pa.Table, rates: Sequence[Mapping[str, Any]]) -> tuple[Priced, list[int]]:
    """The price of each call that can be priced, and their places."""
    places = np.arange(usage.num_rows)
    while True:
        try:
            return price_rows(usage.take(places).combine_chunks(), rates), places.tolist()
        except KeptOut as error:
            places = np.delete(places, sorted({row for rows in error.rows.values() for row in rows}))


def _add(whole: dict[tuple[Any, ...], Line], part: Sequence[Line]) -> None:
    for line in part:
        old = whole.setdefault((line.day, line.platform, line.provider, line.model, line.why), line)
        if old is not line:
            old.requests += line.requests
            old.stored_usd += line.stored_usd
            old.listed_usd += line.listed_usd
