"""Sums behind the Cost pages: a statement whose cents add up along every row and column, exactly as screens and files show it. Pure, Decimal only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from analytics.ledger import Cost, Costs, Kind
from analytics.ledger_cost import INFRASTRUCTURE, NOT_GIVEN, OTHERS, SHARED, ZERO
from roomleft.mapping_rules import ASSIGNABLE
from roomleft.money import CENT, shares, shares_to

PERMILLE = Decimal("0.1")
WORDS = {
    "platform": "platform", "component": "component", "provider": "provider", "model": "model", "request_type": "request type",
    "feature": "feature", "tier": "tier", "status": "status", "team": "team", "project": "project", "environment": "environment",
    "api_key_hash": "API key", "cost_centre": "cost centre", "user": "user", "kind": "kind of cost",
}  # fmt: skip
"""What people call the ledger's dimensions."""
KINDS: dict[str, str] = {
    Kind.AI_PRICED: "AI usage, priced",
    Kind.AI_REPORTED: "AI usage, cost as reported",
    Kind.AI_ESTIMATED: "AI usage, estimated",
    Kind.AI_UNPRICED: "AI usage, unpriced",
    Kind.INFRASTRUCTURE: "Infrastructure",
    Kind.IDLE: "Infrastructure, idle",
    "ai": "AI usage",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a statement. The `*_cents` are dollars rounded to cents so that lines add up to the foot and AI and infrastructure to the
    cost; `exact_usd` is the cost to the nano-dollar. `before_cents` is None where nothing is compared."""

    labels: tuple[str, ...]
    ai_cents: Decimal
    infrastructure_cents: Decimal
    share_percent: Decimal
    before_cents: Decimal | None
    cost: Cost

    @property
    def cost_cents(self) -> Decimal:
        """AI and infrastructure together."""
        return self.ai_cents + self.infrastructure_cents

    @property
    def exact_usd(self) -> Decimal:
        """The cost to the last stored digit."""
        return self.cost.cost_usd

    @property
    def change(self) -> Decimal | None:
        """Against the period compared with, as a ratio."""
        return None if self.before_cents is None else change(self.cost_cents, self.before_cents)

    @property
    def per_request_usd(self) -> Decimal | None:
        """AI cost of a priced request; None if none is priced."""
        priced = self.cost.requests - self.cost.unpriced_requests
        return self.cost.ai_usd / priced if priced > 0 else None


@dataclass(frozen=True, slots=True)
class Statement:
    """Lines, dearest first, and the foot they add up to."""

    by: tuple[str, ...]
    lines: Sequence[Line]
    foot: Line


def statement(now: Costs, before: Costs | None = None) -> Statement:
    """What a screen or a file shows of an answer. A group that cost something only before has a line too."""
    earlier: dict[tuple[str | None, ...], Decimal] = {}
    known = {each.key for each in now.groups}
    # Where only the dearest are named, what is not named now was of the others before.
    rest = next((each.key for each in now.groups if OTHERS in each.key), None)
    for each in before.groups if before is not None else ():
        key = each.key if each.key in known or rest is None else rest
        earlier[key] = earlier.get(key, ZERO) + each.cost_usd
    costs = [*now.groups, *(Cost(key) for key in earlier if key not in known)]
    ai_total, infrastructure_total = shares([now.total.ai_usd, now.total.infrastructure_usd])
    ai = shares_to([each.ai_usd for each in costs], ai_total)
    infrastructure = shares_to([each.infrastructure_usd for each in costs], infrastructure_total)
    whole = now.total.cost_usd
    percents = shares([each.cost_usd * 100 / whole for each in costs], PERMILLE) if whole else [ZERO] * len(costs)
    past: Sequence[Decimal | None] = [None] * len(costs)
    if before is not None:
        past = shares([earlier.get(each.key, ZERO) for each in costs])
    lines = [
        Line(labels_of(now.by, each.key), own, other, percent, was, each)
        for each, own, other, percent, was in zip(costs, ai, infrastructure, percents, past, strict=True)
    ]
    was_total = in_cents(before.total.cost_usd) if before is not None else None
    foot = Line(("Total",), ai_total, infrastructure_total, Decimal(100) if whole else ZERO, was_total, now.total)
    return Statement(now.by, lines, foot)


def labels_of(by: Sequence[str], key: Sequence[str | None]) -> tuple[str, ...]:
    """The words for a group's values."""
    return tuple(label_of(name, value) for name, value in zip(by, key, strict=True))


def label_of(dimension: str, value: str | None) -> str:
    """The words for a value: what is missing, shared or not split is named."""
    if value is None or value == NOT_GIVEN:
        return "Unallocated" if dimension in ASSIGNABLE else f"No {WORDS[dimension]} given"
    if value == OTHERS:
        return "All others"
    if value == INFRASTRUCTURE:
        return f"Infrastructure, not split by {WORDS[dimension]}"
    if value == SHARED:
        return "Shared infrastructure"
    return KINDS.get(value, value) if dimension == "kind" else value


def change(now_usd: Decimal, before_usd: Decimal) -> Decimal | None:
    """The change against the period before, as a ratio; None if nothing was spent then."""
    return (now_usd - before_usd) / before_usd if before_usd else None


def in_cents(amount: Decimal) -> Decimal:
    """Rounded as the groups' sum is."""
    return amount.quantize(CENT, rounding=ROUND_HALF_EVEN)
