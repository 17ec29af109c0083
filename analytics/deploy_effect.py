"""What changed with a deploy: errors, p99 and the cost of a call of the platform's AI calls, in the hour before and the hour after it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from analytics.slo_interval import Z, interval
from warehouse.store import Store

AROUND = timedelta(hours=1)
MOST = 50
"""How many deploys are looked at; of each an hour of calls on either side is read."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure and the range that holds the true one 95 times in 100; an end is None where too few calls tell."""

    value: float
    low: float | None
    high: float | None

    def apart(self, other: Measured) -> bool:
        """Whether the ranges do not touch, so that chance alone hardly explains the difference."""
        above = self.low is not None and other.high is not None and self.low > other.high
        return above or (self.high is not None and other.low is not None and self.high < other.low)


@dataclass(frozen=True, slots=True)
class Side:
    """The calls on one side of a deploy. `error_rate` is a share; `p99_ms` in milliseconds; `usd_per_call` of priced calls. None: no such call."""

    requests: int
    error_rate: Measured | None
    p99_ms: Measured | None
    usd_per_call: Measured | None


NOTHING = Side(0, None, None, None)


@dataclass(frozen=True, slots=True)
class Effect:
    """A deploy's two sides. The hour ends at the deploy before and after it, and now: `before_for` and `after_for` say how long was looked at."""

    before: Side
    after: Side
    before_for: timedelta
    after_for: timedelta


def deploy_effects(store: Store, platform: str, deployed_at: Sequence[datetime], now: datetime) -> dict[datetime, Effect]:
    """By instant, of the newest MOST; what a deploy changed is told apart from its neighbours' by ending at them. Raises StoreError."""
    ats = sorted(set(deployed_at))[-MOST:]
    if not ats:
        return {}
    firsts = [ats[0] - AROUND, *(max(at - AROUND, before) for before, at in pairwise(ats))]
    lasts = [*(min(at + AROUND, after, now) for at, after in pairwise(ats)), min(ats[-1] + AROUND, now)]
    lasts = [max(last, at) for at, last in zip(ats, lasts, strict=True)]
    rows = store.rows(
        "page_deploy_sides", platform=platform, ats=ats, firsts=firsts, lasts=lasts, since=firsts[0], until=max(lasts)
    )
    sides = {(row["deployed_at"], row["is_after"]): side_of(row) for row in rows}
    return {
        at: Effect(sides.get((at, False), NOTHING), sides.get((at, True), NOTHING), at - first, last - at)
        for at, first, last in zip(ats, firsts, lasts, strict=True)
    }


def side_of(row: Mapping[str, Any]) -> Side:
    """A row of `page_deploy_sides` with its ranges: the error rate's after Clopper and Pearson, the mean cost's as that of a ratio.

    Rows that stand for several requests have one status each: the requests count as as many as would tell as much, (Σn)² ÷ Σn² (Korn and Graubard,
    Survey Methodology 24, 1998). Their cost of a request is Σcost ÷ Σn, of variance k s² ÷ (Σn)² over k rows, where s² is the sample variance of cost less
    n times the mean (Cochran, Sampling Techniques, 6.4); with one request a row that is s² ÷ k.
    """
    requests, failed = int(row["requests"]), int(row["failed_requests"])
    errors = None
    if requests:
        told = requests * requests / row["requests_squared"]
        errors = Measured(failed / requests, *interval(failed / requests * told, told))
    slow = Measured(row["p99_ms"], row["p99_low_ms"], row["p99_high_ms"]) if row["p99_ms"] is not None else None
    cost = None
    if row["priced_requests"]:
        mean = float(Decimal(row["cost_usd"]) / row["priced_requests"])
        cost = Measured(mean, None, None)
        if row["cost_var"] is not None:
            spread = row["cost_var"] - 2 * mean * row["cost_requests_covar"] + mean * mean * row["requests_var"]
            half = Z * math.sqrt(row["priced_calls"] * max(0.0, spread)) / row["priced_requests"]
            cost = Measured(mean, max(0.0, mean - half), mean + half)
    return Side(requests, errors, slow, cost)
