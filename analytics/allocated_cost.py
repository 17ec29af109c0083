"""What is allocated, shared, idle and unallocated of a span's cost, what is left to assign, and what a rule would change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from analytics.allocation import ASSIGNABLE, DIMENSIONS, Rule, fitting, left_open
from analytics.ledger import INFRASTRUCTURE, NOT_GIVEN, SHARED, Books, Question, quarter_after, quarter_of
from roomleft.errors import InputError
from roomleft.packs_yaml import nearest
from warehouse.store import as_rows

ZERO = Decimal(0)
EVERY_VALUE = 100_000
TOLD = ("platform", "provider", "model", "request_type", "component", "feature", "team", "project", "environment", "cost_centre", "api_key_hash", "tier")  # fmt: skip
"""What tells one kind of unallocated usage from another."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one value of the dimension was allocated: AI usage and infrastructure."""

    value: str
    ai_usd: Decimal
    infrastructure_usd: Decimal
    requests: int

    @property
    def cost_usd(self) -> Decimal:
        """Both."""
        return self.ai_usd + self.infrastructure_usd


@dataclass(frozen=True, slots=True)
class Allocation:
    """A platform's cost by one dimension: `parts`, dearest first, with what is shared, idle and unallocated are `whole_usd`.

    Shared is infrastructure that the dimension does not split and no rule assigns; idle is what usage did not pay for of servers that models
    run on; unallocated is AI usage that neither says the dimension nor fits a rule. `unpriced_requests` have no cost yet, so the whole is a lower bound.
    """

    platform: str
    dimension: str
    whole_usd: Decimal
    parts: Sequence[Part]
    shared_usd: Decimal
    idle_usd: Decimal
    unallocated_usd: Decimal
    unallocated_requests: int
    unpriced_requests: int
    unallocated_unpriced_requests: int
    assumed: bool

    @property
    def allocated_usd(self) -> Decimal:
        """What the values have together."""
        return sum((part.cost_usd for part in self.parts), ZERO)


@dataclass(frozen=True, slots=True)
class Unallocated:
    """One kind of usage that nothing assigns, by what it says of itself (`given`, a value for each of TOLD or None)."""

    given: Mapping[str, str | None]
    cost_usd: Decimal
    requests: int
    unpriced_requests: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Moved:
    """What a rule would change of one dimension: by value the dollars before and after, of values that change; and what stays unallocated."""

    dimension: str
    before_usd: Mapping[str, Decimal]
    after_usd: Mapping[str, Decimal]
    unallocated_before_usd: Decimal
    unallocated_after_usd: Decimal


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would do in [since, until): the usage it speaks of, and how each dimension that it assigns would change.

    `matched_*` is AI usage; infrastructure that it assigns shows in `moved`. `warnings` say what may be wrong with it.
    """

    since: datetime
    until: datetime
    matched_usd: Decimal
    matched_requests: int
    matched_unpriced_requests: int
    moved: Sequence[Moved]
    warnings: Sequence[str]

    @property
    def changes_nothing(self) -> bool:
        """Whether not one dollar or call would be somewhere else."""
        return not self.matched_requests and not any(moved.after_usd or moved.before_usd for moved in self.moved)


def allocation(
    books: Books, dimension: str, since: datetime, until: datetime, now: datetime, platform: str | None = None
) -> list[Allocation]:
    """Each platform's cost by one dimension, dearest first; whole quarter hours. Raises InputError for an unknown dimension."""
    if dimension not in DIMENSIONS or dimension == "platform":
        known = [name for name in DIMENSIONS if name != "platform"]
        raise InputError(f"cost is not allocated by {dimension[:60]!r}", "allocation", nearest(dimension, known, "dimensions"))
    only = {"platform": (platform,)} if platform else {}
    plain = Question(since, until, ("platform",), only, most=EVERY_VALUE)
    wholes = {each.key[0] or "": each for each in books.costs(plain, now).groups}
    idle_of = books.costs(replace(plain, where={**only, "kind": ("idle",)}), now).groups
    idle = {each.key[0] or "": each.infrastructure_usd for each in idle_of}
    split = replace(plain, by=("platform", dimension), where={**only, "kind": ("ai", "infrastructure")})
    values: dict[str, list[Any]] = {}
    for group in books.costs(split, now).groups:
        values.setdefault(group.key[0] or "", []).append(group)
    found = []
    for slug, whole in wholes.items():
        parts, shared, loose, loose_requests, loose_unpriced = [], ZERO, ZERO, 0, 0
        for group in values.get(slug, []):
            name = group.key[1]
            if name in (None, INFRASTRUCTURE, SHARED):
                shared += group.infrastructure_usd
                loose += group.ai_usd
                loose_requests += group.requests
                loose_unpriced += group.unpriced_requests
            else:
                parts.append(Part(name, group.ai_usd, group.infrastructure_usd, group.requests))
        found.append(
            Allocation(
                slug,
                dimension,
                whole.cost_usd,
                parts,
                shared,
                idle.get(slug, ZERO),
                loose,
                loose_requests,
                whole.unpriced_requests,
                loose_unpriced,
                whole.assumed,
            )
        )
    return sorted(found, key=lambda each: (-each.whole_usd, each.platform))


def unallocated(
    books: Books, dimension: str, since: datetime, until: datetime, platform: str | None = None, *, most: int = 200
) -> list[Unallocated]:
    """The usage that nothing assigns, by all it says of itself, newest first: at most `most` kinds of it. Raises InputError."""
    open_, params = left_open(dimension, books.rules)
    named = ", ".join(f"nullif({name}, '') AS {name}" for name in TOLD)
    sql = (
        f"SELECT {named}, sum(cost_usd)::DECIMAL(38, 9) AS cost_usd, sum(requests)::BIGINT AS requests,"
        " sum(unpriced_requests)::BIGINT AS unpriced_requests, min(bucket) AS first_at, max(last_at) AS last_at"
        " FROM usage_15m WHERE bucket >= $since AND bucket < $until AND ($platform::VARCHAR IS NULL OR platform = $platform)"
        f" AND {open_} GROUP BY ALL ORDER BY last_at DESC, cost_usd DESC, ALL LIMIT $most"
    )
    given = {"since": quarter_of(since), "until": quarter_after(until), "platform": platform, "most": most}
    sql = sql.replace(", ALL LIMIT", f", {', '.join(TOLD)} LIMIT")
    return [
        Unallocated({name: row.pop(name) for name in TOLD}, **row)
        for row in as_rows(books.store.select(sql, {**params, **given}))
    ]


def preview(books: Books, rules: Sequence[Rule], candidate: Rule, since: datetime, until: datetime, now: datetime) -> Preview:
    """What would change in [since, until) if `rules` (those of the books with the candidate in its place) held. Nothing is stored."""
    condition, params = fitting(candidate)
    sql = (
        "SELECT coalesce(sum(cost_usd), 0)::DECIMAL(38, 9) AS usd, coalesce(sum(requests), 0)::BIGINT AS requests,"
        " coalesce(sum(unpriced_requests), 0)::BIGINT AS unpriced FROM usage_15m"
        f" WHERE bucket >= $since AND bucket < $until AND {condition}"
    )
    span = {"since": quarter_of(since), "until": quarter_after(until)}
    matched = as_rows(books.store.select(sql, {**params, **span}))[0]
    only = {"platform": (candidate.platform,)} if candidate.platform else {}
    then = replace(books, rules=rules)
    moved = []
    for dimension in (name for name in ASSIGNABLE if candidate.speaks_of(name)):
        asked = Question(since, until, (dimension,), only, most=EVERY_VALUE)
        moved.append(_moved(dimension, books, then, asked, now))
    warnings = _warnings(candidate, matched["requests"], moved, now)
    return Preview(span["since"], span["until"], matched["usd"], matched["requests"], matched["unpriced"], moved, warnings)


def _moved(dimension: str, books: Books, then: Books, asked: Question, now: datetime) -> Moved:
    sides: list[dict[str, Decimal]] = []
    loose: list[Decimal] = []
    for each in (books, then):
        groups = each.costs(asked, now).groups
        sides.append({group.key[0] or NOT_GIVEN: group.cost_usd for group in groups if group.key[0] is not None})
        loose.append(sum((group.ai_usd for group in groups if group.key[0] is None), ZERO))
    names = [name for name in {**sides[1], **sides[0]} if sides[0].get(name) != sides[1].get(name)]
    before, after = ({name: side.get(name, ZERO) for name in names} for side in sides)
    return Moved(dimension, before, after, *loose)


def _warnings(candidate: Rule, requests: int, moved: Sequence[Moved], now: datetime) -> list[str]:
    found = []
    changed = any(each.before_usd or each.after_usd for each in moved)
    if candidate.valid_from > now:
        found.append(f"it begins on {candidate.valid_from:%Y-%m-%d %H:%M} UTC, so nothing of this time is its own yet")
    elif not requests and not changed:
        found.append("it fits no usage of this time")
    elif not changed:
        found.append("it changes no cost: what it fits has this value already, an older rule comes first, or it has no price yet")
    return found
