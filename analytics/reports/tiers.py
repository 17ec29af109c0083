"""What a platform costs at each size, what running it otherwise would cost, and the risks its design names. Pure, money in Decimal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from analytics.figures import evaluate, namespace
from roomleft.errors import PackError
from roomleft.limits import WORST_FIRST, Headroom, State
from roomleft.packs import Pack
from roomleft.packs_money import Alternative, CostItem, CostTier, Plan


@dataclass(frozen=True, slots=True)
class TierRow:
    """A cost tier: its monthly total, what that is for each daily user, its items, what it holds, and when it is planned."""

    tier_id: str
    title: str
    daily_users: Decimal
    total_usd: Decimal
    usd_per_daily_user: Decimal
    items: tuple[CostItem, ...]
    holds: Mapping[str, Any]
    planned: str
    current: bool

    def as_dict(self) -> dict[str, Any]:
        """The tier for programs."""
        return {
            "tier": self.tier_id, "title": self.title, "daily_users": self.daily_users, "total_usd": self.total_usd,
            "usd_per_daily_user": self.usd_per_daily_user, "items": [{"title": item.title, "usd_per_month": item.usd_per_month} for item in self.items],
            "planned": self.planned, "current": self.current,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class BreakEven:
    """A figure of the design in which an alternative breaks even."""

    title: str
    value: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class AlternativeRow:
    """Another way to run the platform: its price, what it would replace today, the difference, and where it breaks even.

    `saves_usd` is what it saves a month at today's size, negative when it costs more.
    """

    alternative_id: str
    title: str
    usd_per_month: Decimal
    replaces: str
    replaced_usd: Decimal
    saves_usd: Decimal
    break_even: tuple[BreakEven, ...]
    source: str

    def as_dict(self) -> dict[str, Any]:
        """The alternative for programs."""
        return {
            "alternative": self.alternative_id, "title": self.title, "usd_per_month": self.usd_per_month, "replaces": self.replaces,
            "replaced_usd": self.replaced_usd, "saves_usd": self.saves_usd, "source": self.source,
            "break_even": [{"title": each.title, "value": each.value, "unit": each.unit} for each in self.break_even],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class RiskRow:
    """A named risk: the limits that watch it with their states, and the worst of them; None when nothing watches it."""

    risk_id: str
    title: str
    why: str
    limits: tuple[tuple[str, str, State], ...]
    state: State | None

    def as_dict(self) -> dict[str, Any]:
        """The risk for programs."""
        watched = [{"limit_id": key, "title": title, "state": str(state)} for key, title, state in self.limits]
        return {
            "risk": self.risk_id,
            "title": self.title,
            "why": self.why,
            "state": str(self.state) if self.state else None,
            "limits": watched,
        }


def tier_rows(pack: Pack) -> list[TierRow]:
    """Every cost tier of `pack`, smallest first as the pack lists them."""
    named = pack.costs.cost_tier if pack.costs is not None else None
    return [_tier(tier, tier.id == named) for tier in pack.cost_tiers]


def _tier(tier: CostTier, current: bool) -> TierRow:
    total = sum((item.usd_per_month for item in tier.items), Decimal(0))
    return TierRow(
        tier.id, tier.title, tier.daily_users, total, total / tier.daily_users, tuple(tier.items), tier.holds, planned_words(tier.planned), current
    )  # fmt: skip


def planned_words(plan: Plan | None) -> str:
    """`months 1–3`, `years 3–5` where both ends fall on whole years, `after year 5`; empty without a plan."""
    if plan is None:
        return ""
    first, last = plan.first_month, plan.last_month
    if last is None:
        return f"after year {(first - 1) // 12}" if first > 12 and (first - 1) % 12 == 0 else f"from month {first}"
    if first > 12 and (first - 1) % 12 == 0 and last % 12 == 0:
        return f"years {(first - 1) // 12 + 1}–{last // 12}"
    return f"months {first}–{last}"


def alternative_rows(pack: Pack) -> list[AlternativeRow]:
    """Every alternative of `pack` against today's monthly bill, with the design's break-even figures worked out from the pack."""
    names = namespace(pack)
    return [_alternative(pack, each, names) for each in pack.alternatives]


def _alternative(pack: Pack, each: Alternative, names: Mapping[str, Any]) -> AlternativeRow:
    items = [item for item in pack.cost_items() if each.replaces is None or item.id in each.replaces]
    replaced = sum((item.usd_per_month for item in items), Decimal(0))
    words = "everything" if each.replaces is None else ", ".join(item.title for item in items)
    spoken = re.compile(rf"\balternatives\.{re.escape(each.id)}\b")
    found = []
    for figure in pack.figures:
        if spoken.search(figure.computed) and figure.unit != "usd":
            try:
                found.append(BreakEven(figure.figure, evaluate(figure.computed, names), figure.unit))
            except PackError:
                continue  # a figure that cannot be worked out is told by `check --figures`
    return AlternativeRow(
        each.id, each.title, each.usd_per_month, words, replaced, replaced - each.usd_per_month, tuple(found), each.source
    )


def risk_rows(pack: Pack, headrooms: Mapping[str, Headroom]) -> list[RiskRow]:
    """Every risk of `pack` with the state of the limits that watch it."""
    rows = []
    for risk in pack.risks:
        watched = []
        for name in risk.limits:
            spec, headroom = pack.limit_spec(name), headrooms.get(f"{pack.slug}.{name}")
            watched.append((f"{pack.slug}.{name}", spec.title, headroom.state if headroom else State.UNKNOWN))
        worst = min((state for _, _, state in watched), key=WORST_FIRST.index, default=None)
        rows.append(RiskRow(risk.id, risk.title, risk.why or "", tuple(watched), worst))
    return rows
