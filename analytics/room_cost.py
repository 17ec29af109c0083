"""What 30 days' room costs: the next steps of all limits that have run out or probably will."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from analytics.ahead import LIKELY
from roomleft.limits import Headroom, Limit, State


@dataclass(frozen=True, slots=True)
class RoomCost:
    """Steps probably needed: how many, what they cost a month, what some of them save (below zero), how many have no price, and how many limits
    that probably run out have no step at all. A step that two limits of a platform name counts once."""

    steps: int = 0
    usd_per_month: Decimal = Decimal(0)
    saves_usd_per_month: Decimal = Decimal(0)
    unpriced: int = 0
    without_step: int = 0


def probably_runs_out(headroom: Headroom) -> bool:
    """Whether it has run out, or more likely than not will before it refills, of a stock within 30 days."""
    return headroom.state is State.EXHAUSTED or (headroom.p_breach is not None and headroom.p_breach >= LIKELY)


def room_cost(rows: Iterable[tuple[Headroom, Limit]]) -> RoomCost:
    """The sum over limits as they stand."""
    needed = [limit for headroom, limit in rows if probably_runs_out(headroom)]
    steps = {
        (limit.platform, limit.next_step.what, limit.next_step.cost_usd_per_month): limit.next_step.cost_usd_per_month
        for limit in needed
        if limit.next_step is not None
    }
    costs = [cost for cost in steps.values() if cost is not None]
    return RoomCost(
        len(steps),
        sum((cost for cost in costs if cost > 0), Decimal(0)),
        sum((cost for cost in costs if cost < 0), Decimal(0)),
        len(steps) - len(costs),
        sum(limit.next_step is None for limit in needed),
    )
