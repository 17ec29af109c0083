"""Unit economics: what an active user, a request and a million tokens cost, and what is left of what users pay. Pure; money in Decimal.

A figure that cannot be worked out is None, with the reason beside it: missing revenue is unknown, not nothing. Where usage has no price,
costs are lower bounds, and margins upper ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from analytics.economics_periods import Span
from roomleft.money import STORED, shares, stored

ZERO = Decimal(0)
MILLION = Decimal(1_000_000)
NO_TIER = ""


@dataclass(frozen=True, slots=True)
class Share:
    """A provider's part of the AI cost; `share` of it is a ratio, None where nothing was spent."""

    name: str
    usd: Decimal
    share: Decimal | None


@dataclass(frozen=True, slots=True)
class TierEconomics:
    """One price tier: its users, what they pay, cost in AI, and their part of the infrastructure (by active users; without any, by requests)."""

    tier: str
    users: int
    requests: int
    revenue_usd: Decimal | None
    ai_usd: Decimal
    infrastructure_usd: Decimal
    unpriced_requests: int

    @property
    def total_usd(self) -> Decimal:
        """AI and infrastructure."""
        return self.ai_usd + self.infrastructure_usd

    @property
    def margin_usd(self) -> Decimal | None:
        """Revenue less all cost; an upper bound where some usage has no price."""
        return None if self.revenue_usd is None else self.revenue_usd - self.total_usd

    @property
    def api_share(self) -> Decimal | None:
        """AI cost as a ratio of revenue."""
        return ratio(self.ai_usd, self.revenue_usd)

    @property
    def usd_per_user(self) -> Decimal | None:
        """All cost for each active user of the period."""
        return ratio(self.total_usd, Decimal(self.users))


@dataclass(frozen=True, slots=True)
class Economics:
    """A period's unit economics over `covered`, the days of it that are over and known; the dollars are of those days alone.

    `revenue_usd` is what the days in `revenue_days` brought, None if there are none; unless they are all, nothing is worked out from it.
    """

    span: Span
    covered: Span
    users: int
    requests: int
    tokens: int
    ai_usd: Decimal
    token_usd: Decimal
    infrastructure_usd: Decimal
    revenue_usd: Decimal | None
    revenue_days: int
    unpriced_requests: int
    providers: tuple[Share, ...]
    tiers: tuple[TierEconomics, ...]
    last_at: datetime | None

    @property
    def whole(self) -> bool:
        """Whether the whole period is over and its usage known."""
        return self.covered == self.span and not self.span.partial and self.span.days > 0

    @property
    def lower_bound(self) -> bool:
        """Whether some usage has no price, so that costs are at least what they say."""
        return self.unpriced_requests > 0

    @property
    def total_usd(self) -> Decimal:
        """AI and infrastructure."""
        return self.ai_usd + self.infrastructure_usd

    @property
    def known_revenue_usd(self) -> Decimal | None:
        """Revenue, if every day's is known."""
        return self.revenue_usd if self.revenue_days == self.covered.days and self.covered.days else None

    def per(self, count: int | Decimal) -> dict[str, Decimal | None]:
        """AI, infrastructure and total dollars for each of `count` things; None if there are none."""
        things = Decimal(count)
        parts = {"ai_usd": self.ai_usd, "infrastructure_usd": self.infrastructure_usd, "total_usd": self.total_usd}
        return {name: ratio(usd, things) for name, usd in parts.items()}

    @property
    def margin_usd(self) -> Decimal | None:
        """Revenue less all cost."""
        return None if self.known_revenue_usd is None else self.known_revenue_usd - self.total_usd

    @property
    def api_share(self) -> Decimal | None:
        """AI cost as a ratio of revenue."""
        return ratio(self.ai_usd, self.known_revenue_usd)

    @property
    def infrastructure_roi(self) -> Decimal | None:
        """Revenue for each dollar of infrastructure."""
        return None if self.known_revenue_usd is None else ratio(self.known_revenue_usd, self.infrastructure_usd)


@dataclass(frozen=True, slots=True)
class Growth:
    """By what ratio a day's cost and revenue grew against the period before; None with the reason where that cannot be said."""

    cost: Decimal | None
    revenue: Decimal | None
    reason: str

    @property
    def gap(self) -> Decimal | None:
        """Cost growth less revenue growth: above 0 the cost runs ahead."""
        return None if self.cost is None or self.revenue is None else self.cost - self.revenue


def ratio(part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    """Part over whole; None where either is unknown or the whole is nothing."""
    return None if part is None or not whole else part / whole


def economics(
    span: Span,
    covered: Span,
    days: Iterable[Mapping[str, Any]],
    revenue: Iterable[Mapping[str, Any]],
    users: Mapping[str, int],
    infrastructure_usd: Decimal,
) -> Economics:
    """A period from rows of `economics_days` and `economics_revenue` (those outside `covered` are left out), active users by tier, and what the
    infrastructure cost on the covered days."""
    used = [row for row in days if covered.first <= row["day"] < covered.until]
    paid = [row for row in revenue if covered.first <= row["day"] < covered.until]
    ai = sum((row["cost_usd"] for row in used), ZERO)
    return Economics(
        span=span,
        covered=covered,
        users=sum(users.values()),
        requests=sum(row["requests"] for row in used),
        tokens=sum(row["tokens"] for row in used),
        ai_usd=ai,
        token_usd=sum((row["token_usd"] for row in used), ZERO),
        infrastructure_usd=stored(infrastructure_usd),
        revenue_usd=sum((row["revenue_usd"] for row in paid), ZERO) if paid else None,
        revenue_days=len({row["day"] for row in paid}),
        unpriced_requests=sum(row["unpriced_requests"] for row in used),
        providers=_providers(used, ai),
        tiers=_tiers(used, paid, users, stored(infrastructure_usd), covered.days),
        last_at=max((row["last_at"] for row in used), default=None),
    )


def _providers(used: Sequence[Mapping[str, Any]], whole: Decimal) -> tuple[Share, ...]:
    sums: dict[str, Decimal] = {}
    for row in used:
        sums[row["provider"]] = sums.get(row["provider"], ZERO) + row["cost_usd"]
    ranked = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Share(name, usd, ratio(usd, whole)) for name, usd in ranked)


def _tiers(
    used: Sequence[Mapping[str, Any]],
    paid: Sequence[Mapping[str, Any]],
    users: Mapping[str, int],
    infrastructure_usd: Decimal,
    days: int,
) -> tuple[TierEconomics, ...]:
    names = sorted(
        {row["tier"] for row in used} | {row["tier"] for row in paid} | set(users), key=lambda tier: (tier == NO_TIER, tier)
    )
    requests = {name: sum(row["requests"] for row in used if row["tier"] == name) for name in names}
    weights = [Decimal(users.get(name, 0)) for name in names]
    if not any(weights):
        weights = [Decimal(requests[name]) for name in names]
    whole = sum(weights, ZERO)
    parts = shares([infrastructure_usd * (weight / whole) for weight in weights], STORED) if whole else [ZERO] * len(names)
    if parts:
        # Division leaves a last digit over; the tiers' parts are the whole.
        parts[0] += infrastructure_usd - sum(parts, ZERO) if whole else ZERO
    found = []
    # Of a period whose revenue is known for some days only, no tier's can be set against its cost.
    complete = len({row["day"] for row in paid}) == days
    for name, part in zip(names, parts, strict=True):
        own, income = [row for row in used if row["tier"] == name], [row["revenue_usd"] for row in paid if row["tier"] == name]
        found.append(
            TierEconomics(
                name,
                users.get(name, 0),
                requests[name],
                sum(income, ZERO) if income and complete else None,
                sum((row["cost_usd"] for row in own), ZERO),
                part,
                sum(row["unpriced_requests"] for row in own),
            )
        )
    return tuple(found)


def growth(now: Economics, before: Economics) -> Growth:
    """Growth between two whole periods, of the mean day, so that a month of 31 days does not look dearer than one of 30."""
    if not now.whole:
        return Growth(None, None, "the period is not whole: a part is not compared with a whole")
    if not before.whole:
        return Growth(
            None, None, f"there is not enough history: {_known(before)} of the {before.span.days} days before are known"
        )
    if now.lower_bound or before.lower_bound:
        return Growth(None, None, "some usage has no price, so the growth of its cost is unknown")
    cost = _grown(now.total_usd, now.covered.days, before.total_usd, before.covered.days)
    if now.known_revenue_usd is None or before.known_revenue_usd is None:
        return Growth(cost, None, "revenue is not known for every day of both periods")
    revenue = _grown(now.known_revenue_usd, now.covered.days, before.known_revenue_usd, before.covered.days)
    return Growth(cost, revenue, "" if cost is not None and revenue is not None else "there was none before")


def _known(period: Economics) -> int:
    return max(0, period.covered.days)


def _grown(now: Decimal, days: int, before: Decimal, days_before: int) -> Decimal | None:
    if not before:
        return None
    return (now / days) / (before / days_before) - 1


def covered_days(span: Span, known_from: date | None, known_until: date | None) -> Span:
    """The days of a period whose usage is known."""
    if known_from is None or known_until is None:
        return Span(span.first, span.first, span.ends)
    first = min(max(span.first, known_from), span.until)
    return Span(first, max(first, min(span.until, known_until)), span.ends)
