"""Sums behind the Cost page: totals, groups whose parts add to the whole, the comparison with the period before. Pure, Decimal only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from roomleft.money import CENT, shares

PERMILLE = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Group:
    """One group of the range. `shown_usd` is rounded to cents so that the groups add up to the shown total; `share_percent` add to 100."""

    name: str
    cost_usd: Decimal
    shown_usd: Decimal
    share_percent: Decimal
    requests: int
    failed_requests: int
    tokens: int
    images: int
    unpriced_requests: int
    last_at: datetime | None

    @property
    def per_request_usd(self) -> Decimal | None:
        """Cost of a priced request; None if none is priced."""
        priced = self.requests - self.unpriced_requests
        return self.cost_usd / priced if priced > 0 else None


@dataclass(frozen=True, slots=True)
class CostSummary:
    """All groups of the range, dearest first, and their sum."""

    groups: Sequence[Group]
    total_usd: Decimal
    requests: int
    failed_requests: int
    tokens: int
    images: int
    unpriced_requests: int
    last_at: datetime | None


def summarise(rows: Sequence[Mapping[str, Any]]) -> CostSummary:
    """Groups from rows of `page_cost` (several buckets a group)."""
    names = ("requests", "failed_requests", "tokens", "images", "unpriced_requests")
    sums: dict[str, dict[str, Any]] = {}
    for row in rows:
        own = sums.setdefault(row["name"], {"cost": Decimal(0), "last": None, **dict.fromkeys(names, 0)})
        own["cost"] += row["cost_usd"]
        for name in names:
            own[name] += row[name] or 0
        own["last"] = max(filter(None, (own["last"], row["last_at"])), default=None)
    ranked = sorted(sums.items(), key=lambda item: (-item[1]["cost"], -item[1]["requests"], item[0]))
    exact = [own["cost"] for _, own in ranked]
    shown = shares(exact)
    total = sum(exact, Decimal(0))
    percents = shares([part * 100 / total for part in exact], PERMILLE) if total else [Decimal(0)] * len(exact)
    groups = [
        Group(name, own["cost"], cents, percent, **{each: own[each] for each in names}, last_at=own["last"])
        for (name, own), cents, percent in zip(ranked, shown, percents, strict=True)
    ]
    sums_of = {each: sum(getattr(group, each) for group in groups) for each in names}
    return CostSummary(groups, total, **sums_of, last_at=max((group.last_at for group in groups if group.last_at), default=None))


def change(now_usd: Decimal, before_usd: Decimal) -> Decimal | None:
    """The change against the period before, as a ratio; None if nothing was spent then."""
    return (now_usd - before_usd) / before_usd if before_usd else None


def in_cents(amount: Decimal) -> Decimal:
    """Rounded as the groups' sum is."""
    return amount.quantize(CENT)
