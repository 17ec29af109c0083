"""One figure of the ledger: the dollars of a group, how sure they are, and the quantities behind them. Figures add up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

ZERO = Decimal(0)
NOT_GIVEN = "(none)"
"""What an address and a filter call a value that is missing."""
OTHERS = "(others)"
INFRASTRUCTURE = "(infrastructure)"
"""Infrastructure where the dimension does not split it."""
SHARED = "(shared)"
"""Infrastructure that belongs to no component."""


class Kind(StrEnum):
    """What a dollar was spent on. AI usage is told apart by how its cost is known."""

    AI_PRICED = "ai_priced"
    AI_REPORTED = "ai_reported"
    AI_ESTIMATED = "ai_estimated"
    AI_UNPRICED = "ai_unpriced"
    INFRASTRUCTURE = "infrastructure"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost and usage of one group; `key` has a value for each dimension asked for, None where it was not given.

    `ai_usd` holds `reported_usd` (as the source said it) and `estimated_usd`; where requests are unpriced it is a lower bound, and the
    unpriced tokens stand beside it. `assumed`: a part of the infrastructure has a price that nobody gave. Users' days know `tokens` but
    not their buckets, and no states: those are None then.
    """

    key: tuple[str | None, ...]
    ai_usd: Decimal = ZERO
    infrastructure_usd: Decimal = ZERO
    reported_usd: Decimal | None = ZERO
    estimated_usd: Decimal | None = ZERO
    provisional_usd: Decimal | None = ZERO
    requests: int = 0
    failed_requests: int = 0
    unpriced_requests: int = 0
    unpriced_tokens: int | None = 0
    restated_requests: int | None = 0
    tokens: int = 0
    input_uncached_tokens: int | None = 0
    cache_read_tokens: int | None = 0
    cache_write_tokens: int | None = 0
    output_tokens: int | None = 0
    images: int = 0
    characters: int = 0
    audio_seconds: Decimal | None = ZERO
    last_at: datetime | None = None
    assumed: bool = False

    @property
    def cost_usd(self) -> Decimal:
        """All of it: AI and infrastructure."""
        return self.ai_usd + self.infrastructure_usd

    def plus(self, *, assumed: bool = False, **more: Any) -> Cost:
        """The same with these amounts added; what was not known becomes known."""
        added = {name: (getattr(self, name) or 0) + amount for name, amount in more.items() if amount is not None}
        return replace(self, assumed=self.assumed or assumed, **added)


ADDED = tuple(each.name for each in fields(Cost) if each.name not in ("key", "last_at", "assumed"))
"""The measures that add up."""
KEPT_BY_DAY = frozenset("ai_usd infrastructure_usd requests failed_requests unpriced_requests tokens images characters".split())
"""Those of them that users' days have."""


def summed(key: tuple[str | None, ...], row: Mapping[str, Any]) -> Cost:
    """A figure from a row of the ledger's statements."""
    return Cost(key, **row)


def by_kind(costs: Iterable[Cost]) -> list[Cost]:
    """Each figure told apart by kind, in the first or second place of its key, where that is None.

    Calls are kept as priced or not: those whose cost was reported or estimated are counted with the priced ones.
    """
    found: dict[tuple[str | None, ...], Cost] = {}
    for cost in costs:
        if any(name in (Kind.INFRASTRUCTURE, Kind.IDLE) for name in cost.key):
            found[cost.key] = cost
            continue
        place = cost.key.index(None) if cost.key[0] is None else len(cost.key) - 1
        reported, estimated = cost.reported_usd or ZERO, cost.estimated_usd or ZERO
        unpriced = Cost(
            _named(cost.key, place, Kind.AI_UNPRICED), requests=cost.unpriced_requests, unpriced_requests=cost.unpriced_requests,
            unpriced_tokens=cost.unpriced_tokens, tokens=cost.unpriced_tokens or 0,
        )  # fmt: skip
        rest = replace(
            cost, key=_named(cost.key, place, Kind.AI_PRICED), ai_usd=cost.ai_usd - reported - estimated, reported_usd=ZERO,
            estimated_usd=ZERO, requests=cost.requests - cost.unpriced_requests, unpriced_requests=0, unpriced_tokens=0,
            tokens=cost.tokens - unpriced.tokens,
        )  # fmt: skip
        parts = [rest]
        if reported:
            parts.append(Cost(_named(cost.key, place, Kind.AI_REPORTED), ai_usd=reported, reported_usd=reported))
        if estimated:
            parts.append(Cost(_named(cost.key, place, Kind.AI_ESTIMATED), ai_usd=estimated, estimated_usd=estimated))
        if unpriced.requests:
            parts.append(unpriced)
        found |= {part.key: part for part in parts if part.requests or part.cost_usd}
    return list(found.values())


def _named(key: tuple[str | None, ...], place: int, kind: Kind) -> tuple[str | None, ...]:
    return (*key[:place], str(kind), *key[place + 1 :])
