"""Personas against what they pay: profit or loss at their tier's price, the price that breaks even, and the design's figures beside the measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from analytics.economics_read import prices, wanted_share
from analytics.personas import Persona, Personas
from roomleft.packs import Pack
from roomleft.packs_parts import Persona as Described

NEAR = 2.0
"""A found persona bears a described one's name only if their costs are within this factor."""
BREAKS_EVEN = Decimal("0.005")
LARGE_LOSS = 5
"""A loss of so many times what the user pays is a large one."""


@dataclass(frozen=True, slots=True)
class PersonaRow:
    """A persona as found, with the name and figures of the design's that costs about as much (None if none does).

    `price_usd` is what most of its users' tier pays a month, `profit_usd` that price less the AI cost, `margin_usd` less infrastructure too.
    `share_price_usd` is the price at which AI cost is the part of revenue that the pack allows.
    """

    found: Persona
    title: str
    described: Described | None
    price_usd: Decimal | None
    infrastructure_usd: Decimal | None
    wanted_share: Decimal | None

    @property
    def profit_usd(self) -> Decimal | None:
        """What one user leaves a month after AI cost."""
        return None if self.price_usd is None else self.price_usd - self.found.usd_per_month

    @property
    def margin_usd(self) -> Decimal | None:
        """What one user leaves a month after AI and infrastructure."""
        if self.profit_usd is None or self.infrastructure_usd is None:
            return None
        return self.profit_usd - self.infrastructure_usd

    @property
    def break_even_usd(self) -> Decimal:
        """The price a month at which AI cost is paid for."""
        return self.found.usd_per_month

    @property
    def share_price_usd(self) -> Decimal | None:
        """The price a month at which AI cost is the allowed part of revenue."""
        return self.found.usd_per_month / self.wanted_share if self.wanted_share else None

    @property
    def result(self) -> str:
        """`profit`, `break-even`, `loss`, `large loss` where it is five times the price or more; `unknown` without a price."""
        if self.profit_usd is None or self.price_usd is None:
            return "unknown"
        if self.profit_usd > BREAKS_EVEN:
            # What has no price yet can only lessen it.
            return "profit" if not self.found.lower_bound else "at most a profit"
        if self.profit_usd >= -BREAKS_EVEN:
            return "break-even"
        return "large loss" if -self.profit_usd >= LARGE_LOSS * self.price_usd else "loss"

    @property
    def designed_profit_usd(self) -> Decimal | None:
        """The design's price less the design's cost."""
        return None if self.described is None or self.price_usd is None else self.price_usd - self.described.ai_usd_per_month


def persona_rows(pack: Pack, told: Personas, infrastructure_usd: Decimal | None) -> list[PersonaRow]:
    """Every persona found, cheapest first. `infrastructure_usd` is what the infrastructure costs for each active user a month."""
    named = matched(told.found, pack.personas)
    paid, share = prices(pack), wanted_share(pack)
    rows = []
    for number, (found, described) in enumerate(zip(told.found, named, strict=True), 1):
        title = described.title if described else f"Group {number} of {len(told.found)}"
        rows.append(PersonaRow(found, title, described, paid.get(found.tier or ""), infrastructure_usd, share))
    return rows


def matched(found: Sequence[Persona], described: Sequence[Described]) -> list[Described | None]:
    """For each persona found, the described one that costs nearest to it, within a factor; each at most once."""
    pairs = sorted(
        (abs(math.log(float(one.usd_per_month) / float(other.ai_usd_per_month))), here, there)
        for here, one in enumerate(found)
        for there, other in enumerate(described)
        if one.usd_per_month > 0 and other.ai_usd_per_month > 0
    )
    names: dict[int, int] = {}
    for apart, here, there in pairs:
        if apart <= math.log(NEAR) and here not in names and there not in names.values():
            names[here] = there
    return [described[names[number]] if number in names else None for number in range(len(found))]
