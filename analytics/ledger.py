"""The ledger: what AI usage and infrastructure cost in a span, by one or two dimensions, under filters. Every screen, file and report reads it here.

AI usage comes from `usage_15m` (by user: from `usage_user_1d`), infrastructure from the packs' monthly bill spread over time. Amounts are exact
Decimals at nano-dollars, and parts equal the whole under any filter: what a dimension does not split, or a filter cannot apply to, is named.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from analytics.allocation import ASSIGNABLE, Allocated, Rule, whose
from analytics.infrastructure import NANO, InfrastructureRow, Served, infrastructure_spread, taken_by_usage
from analytics.ledger_cost import ADDED, INFRASTRUCTURE, KEPT_BY_DAY, NOT_GIVEN, OTHERS, SHARED, ZERO, Cost, Kind, by_kind, summed
from analytics.ledger_sql import COLUMNS, USER_COLUMNS, statement, user_statement, values_statement
from roomleft.errors import InputError, UsersHidden
from roomleft.packs import Pack
from roomleft.timespan import midnight, utc
from warehouse.store import Store

__all__ = ["ADDED", "DIMENSIONS", "INFRASTRUCTURE", "NOT_GIVEN", "OTHERS", "PROVISIONAL_FOR", "SHARED", "Books", "Cost", "Costs", "Kind",
           "LeftOut", "Question", "quarter_after", "quarter_of"]  # fmt: skip

DIMENSIONS = (*COLUMNS, "user", "kind")
SPLIT_OF_INFRASTRUCTURE = frozenset({"platform", "component", "kind", *ASSIGNABLE})
PROVISIONAL_FOR = timedelta(hours=48)
"""How long a figure may still change by itself: events come late, a self-hosted model's day is not over, providers' reports are to come."""
SUMMED_AFTER = timedelta(hours=1)
"""What waits longer than this to be summed is history, not the present."""
QUARTER = timedelta(minutes=15)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST = 1_000


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the ledger: the cost in [since, until), widened to whole quarter hours (by user: to whole days of `zone`).

    `by`: none, one or two of DIMENSIONS. `where`: for a dimension, the values to keep; NOT_GIVEN keeps what has none; for `kind` they are
    `ai`, `infrastructure` and `idle`. `edges`: first instants of buckets, ascending; none: no series. `most`: how many groups are told by
    name, dearest first; the rest is one, OTHERS. `named`: the same for the series.
    """

    since: datetime
    until: datetime
    by: tuple[str, ...] = ()
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    edges: tuple[datetime, ...] = ()
    zone: ZoneInfo = ZoneInfo("UTC")
    most: int = MOST
    named: int = 12

    def checked(self) -> Question:
        """Itself. Raises InputError where it cannot be answered."""
        for name in (*self.by, *self.where):
            if name not in DIMENSIONS:
                raise InputError(f"cost is not kept by {name[:60]!r}", "cost", f"one of {', '.join(DIMENSIONS)}")
        if len(self.by) > 2 or len(set(self.by)) < len(self.by):
            raise InputError("cost is told by one dimension or by two different ones", "by", "leave one out")
        if utc(self.since) >= utc(self.until):
            raise InputError("since must be before until", "cost", "ranges are half-open: [since, until)")
        if self.of_users:
            unkept = [name for name in (*self.by, *self.where) if name not in (*USER_COLUMNS, "user", "kind")]
            if unkept:
                raise InputError(
                    f"users' days are not kept by {', '.join(unkept)}", "cost by user", "leave the user, or that dimension, out"
                )
        if unknown := set(self.where.get("kind", ())) - {"ai", "infrastructure", "idle"}:
            raise InputError(f"there is no kind of cost {sorted(unknown)[0][:60]!r}", "kind", "ai, infrastructure or idle")
        return self

    @property
    def of_users(self) -> bool:
        """Whether it needs users' days."""
        return "user" in self.by or "user" in self.where


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Infrastructure that a filter left out only because infrastructure is not split by that dimension."""

    dimensions: tuple[str, ...]
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Costs:
    """The answer over [since, until): the groups, dearest first, add up to `total` in every measure, and so does the series in dollars.

    `edges` are the buckets' first instants; the first is `since`. `series`: by (edge, first dimension's value): the dollars. `grain` says what was counted whole. `provisional`:
    the span reaches into the last 48 hours, of which `provisional_usd` are (None where users' days cannot tell), or into what a source has not
    been read of yet (`reading`).
    """

    since: datetime
    until: datetime
    grain: str
    by: tuple[str, ...]
    edges: Sequence[datetime]
    groups: Sequence[Cost]
    total: Cost
    series: Mapping[tuple[datetime, str | None], Decimal]
    left_out: LeftOut | None
    provisional: bool
    provisional_usd: Decimal | None
    reading: bool = False

    @property
    def provisional_reason(self) -> str | None:
        """Why the figures may still change; None where they are settled."""
        if self.reading:
            return "history is still being read"
        return "the last 48 hours may still change" if self.provisional else None

    @property
    def restated(self) -> bool:
        """Whether any part was re-priced."""
        return bool(self.total.restated_requests)


@dataclass(frozen=True, slots=True)
class Books:
    """Where the ledger reads: the warehouse, the packs in force, the mapping rules, and which items serve models. `see_users`: whether who asks
    may see what single users cost.
    """

    store: Store
    packs: Mapping[str, Pack]
    rules: Sequence[Rule] = ()
    served: Sequence[Served] = ()
    see_users: bool = False

    def costs(self, question: Question, now: datetime) -> Costs:
        """What it cost. Raises InputError for a question that cannot be answered, UsersHidden for one of users, StoreError."""
        asked = question.checked()
        if asked.of_users and not self.see_users:
            raise UsersHidden("cost by user")
        since, until = quarter_of(asked.since), quarter_after(asked.until)
        days: tuple[str, date, date] | None = None
        if asked.of_users:
            zone = self._kept_zone(asked.zone)
            first, last = since.astimezone(zone).date(), (until - timedelta(microseconds=1)).astimezone(zone).date()
            since, until = midnight(first, zone), midnight(last + timedelta(days=1), zone)
            days = (zone.key, first, last)
        edges = _within(asked.edges, since, until)
        provisional_from = now - PROVISIONAL_FOR
        groups, series, total = self._ai(asked, since, until, edges, provisional_from, days)
        infrastructure, left_out = self._infrastructure(asked, since, min(until, quarter_of(now)), edges)
        sums: dict[tuple[str | None, ...], Decimal] = {}
        for row, values in infrastructure:
            key = _keys(row, values, asked.by)
            sums[key] = sums.get(key, ZERO) + row.cost_usd
            if edges:
                place = (edges[bisect_right(edges, row.bucket_start) - 1], key[0] if key else None)
                series[place] = series.get(place, ZERO) + row.cost_usd
        assumed = {_keys(row, values, asked.by) for row, values in infrastructure if row.assumed}
        for key, usd in sums.items():
            groups[key] = groups.get(key, Cost(key)).plus(infrastructure_usd=usd, assumed=key in assumed)
        total = total.plus(infrastructure_usd=sum(sums.values(), ZERO), assumed=bool(assumed))
        told = by_kind(groups.values()) if "kind" in asked.by else list(groups.values())
        told.sort(key=lambda each: (OTHERS in each.key, -each.cost_usd, -each.requests, tuple(str(name) for name in each.key)))
        reading = self._reading(asked, since, min(until, now), now)
        return Costs(
            since, until, f"day of {days[0]}" if days else "15 minutes", asked.by, edges, told, total, series, left_out,
            until > provisional_from or reading, None if days else total.provisional_usd, reading,
        )  # fmt: skip

    def _reading(self, asked: Question, since: datetime, until: datetime, now: datetime) -> bool:
        """Whether a source of the asked platforms has not been read, or not been summed, in the span: one look at small tables."""
        if asked.where.get("kind") in (("infrastructure",), ("idle",)):
            return False
        only = asked.where.get("platform", ())
        packs = [pack for slug, pack in self.packs.items() if not only or slug in only]
        sources = [name for pack in packs for name in (pack.slug, *(f"{pack.slug}.{entry.name}" for entry in pack.sources))]
        given = {"since": since, "until": until, "before": now - SUMMED_AFTER, "sources": sources}
        return bool(self.store.rows("history_unread", **given)[0]["unread"])

    def _ai(
        self, asked: Question, since: datetime, until: datetime, edges: Sequence[datetime], provisional_from: datetime,
        days: tuple[str, date, date] | None,
    ) -> tuple[dict[tuple[str | None, ...], Cost], dict[tuple[datetime, str | None], Decimal], Cost]:  # fmt: skip
        groups: dict[tuple[str | None, ...], Cost] = {}
        series: dict[tuple[datetime, str | None], Decimal] = {}
        total = Cost(())
        if "kind" in asked.where and "ai" not in asked.where["kind"]:
            return groups, series, total
        where = {name: values for name, values in asked.where.items() if name != "kind"}
        by = [name if name != "kind" else None for name in asked.by]
        shared: dict[str, Any] = {"edges": list(edges) or [since], "most": asked.most, "named": asked.named}
        if days is None:
            sql, params = statement(by, where, self.rules)
            shared |= {"since": since, "until": until, "provisional_from": provisional_from}
        else:
            sql, params = user_statement(by, where)
            zone = ZoneInfo(days[0])
            starts = [edge.astimezone(zone).date() for edge in shared["edges"]]
            shared |= {"edges": starts, "zone": days[0], "first_day": days[1], "last_day": days[2]}
        for row in self.store.select(sql, {**shared, **params}).to_pylist():
            of = row.pop("of")
            keys = (row.pop("key_1"), row.pop("key_2"))[: len(asked.by)]
            place, top = row.pop("place"), row.pop("top")
            if of == "series":
                if edges:
                    for name, usd in _split_by_kind(row, asked.by, top):
                        at = (edges[place], name)
                        series[at] = series.get(at, ZERO) + usd
                continue
            cost = summed(keys if of == "group" else (), row)
            if of == "total":
                total = cost
            else:
                groups[keys] = cost
        if days is not None:
            total = total.plus(**self._states(asked, since, until, provisional_from))
        return groups, series, total

    def _states(self, asked: Question, since: datetime, until: datetime, provisional_from: datetime) -> dict[str, Any]:
        """What users' days do not tell of their total; nothing where one user is asked for."""
        if "user" in asked.where:
            return {}
        plain = Question(since, until, where={name: values for name, values in asked.where.items() if name != "kind"})
        _, _, total = self._ai(plain, since, until, (), provisional_from, None)
        return {name: getattr(total, name) for name in ADDED if name not in KEPT_BY_DAY}

    def _infrastructure(
        self, asked: Question, since: datetime, until: datetime, edges: Sequence[datetime]
    ) -> tuple[list[tuple[InfrastructureRow, Mapping[str, str]]], LeftOut | None]:
        """The rows that count, each with what the rules assign to it."""
        kinds = asked.where.get("kind")
        if until <= since or (kinds is not None and not {"infrastructure", "idle"} & set(kinds)):
            return [], None
        split = [name for name in asked.where if name in SPLIT_OF_INFRASTRUCTURE]
        unsplit = tuple(name for name in asked.where if name not in SPLIT_OF_INFRASTRUCTURE)
        named = [name for name in ASSIGNABLE if name in asked.by or name in asked.where]
        rules = [rule for rule in self.rules if any(rule.speaks_of(name) for name in named)]
        turns = sorted({quarter_after(at) for rule in rules for at in (rule.valid_from, rule.valid_to) if at is not None})
        cuts = sorted({since, until, *(edge for edge in (*edges, *turns) if since < edge < until)})
        taken = taken_by_usage(self.store, self.packs, self.served, since, until) if self.served else None
        spread = infrastructure_spread(self.packs, cuts, taken=taken)
        rows = [
            part
            for part in (_assigned(spread, rules, turns) if rules else ((row, {}) for row in spread))
            if all(_kept(asked.where, name, _infrastructure_key(*part, name)) for name in split)
        ]
        if unsplit:
            usd = sum((row.cost_usd for row, _ in rows), ZERO)
            return [], LeftOut(unsplit, usd) if usd else None
        return rows, None

    def items(self, question: Question, now: datetime) -> list[InfrastructureRow]:
        """The infrastructure in a figure item by item, dearest first; `by` is not looked at. They add up to its `infrastructure_usd`."""
        asked = question.checked()
        told = self.costs(replace(asked, by=(), edges=()), now)
        found: dict[tuple[str, str], InfrastructureRow] = {}
        for row, _ in self._infrastructure(asked, told.since, min(told.until, quarter_of(now)), ())[0]:
            old = found.get((row.platform, row.item_id))
            found[row.platform, row.item_id] = row if old is None else replace(row, cost_usd=old.cost_usd + row.cost_usd)
        return sorted(found.values(), key=lambda row: (-row.cost_usd, row.platform, row.item_id))

    def values(self, since: datetime, until: datetime, platforms: Sequence[str] = (), most: int = 60) -> dict[str, list[str]]:
        """What there is to filter by: the values of every dimension but users in [since, until), dearest first; NOT_GIVEN where some have none."""
        sql, params = values_statement(self.rules, platforms)
        found: dict[str, list[str]] = {name: [] for name in COLUMNS}
        span = {"since": quarter_of(since), "until": quarter_after(until), "most": most}
        for row in self.store.select(sql, {**params, **span}).to_pylist():
            found[row["dimension"]].append(NOT_GIVEN if row["value"] is None else row["value"])
        return found

    def _kept_zone(self, zone: ZoneInfo) -> ZoneInfo:
        """The zone whose days users are counted in: the asked one where it is kept, else UTC."""
        kept = self.store.select("SELECT 1 FROM usage_user_1d WHERE zone = $zone LIMIT 1", {"zone": zone.key}).num_rows
        return zone if kept else ZoneInfo("UTC")


def quarter_of(instant: datetime) -> datetime:
    """The start of the quarter hour holding `instant`."""
    return utc(instant) - (utc(instant) - EPOCH) % QUARTER


def quarter_after(instant: datetime) -> datetime:
    """The first quarter hour's start that is not before `instant`."""
    start = quarter_of(instant)
    return start if start == utc(instant) else start + QUARTER


def _within(edges: Sequence[datetime], since: datetime, until: datetime) -> list[datetime]:
    """The edges as far as they cut the span; the first bucket begins with the span."""
    inside = sorted({utc(edge) for edge in edges if since < utc(edge) < until})
    return [since, *inside] if edges else []


def _kept(where: Mapping[str, tuple[str, ...]], name: str, value: str | None) -> bool:
    return name not in where or (NOT_GIVEN if value is None else value) in where[name]


def _assigned(
    rows: Sequence[InfrastructureRow], rules: Sequence[Rule], turns: Sequence[datetime]
) -> Iterator[tuple[InfrastructureRow, Mapping[str, str]]]:
    """The rows' parts with the values that rules assign to them; the parts of a row add up to it. Between two of `turns` no rule begins or ends."""
    known: dict[tuple[str, str | None, int], list[Allocated]] = {}
    for row in rows:
        about = (row.platform, row.component, bisect_right(turns, row.bucket_start))
        if (parts := known.get(about)) is None:
            parts = known[about] = whose(
                {"bucket": row.bucket_start, "platform": row.platform, "component": row.component}, rules
            )
        for part in parts:
            low, high = ((row.cost_usd * share).quantize(NANO) for share in (part.low, part.high))
            if high != low:
                yield replace(row, cost_usd=high - low), part.values


def _keys(row: InfrastructureRow, values: Mapping[str, str], by: Sequence[str]) -> tuple[str | None, ...]:
    return tuple(_infrastructure_key(row, values, name) for name in by)


def _infrastructure_key(row: InfrastructureRow, values: Mapping[str, str], name: str) -> str | None:
    match name:
        case "platform":
            return row.platform
        case "component":
            return values.get(name) or row.component or SHARED
        case "kind":
            return Kind.IDLE if row.idle else Kind.INFRASTRUCTURE
    return values.get(name) or None if name in ASSIGNABLE else INFRASTRUCTURE


def _split_by_kind(row: Mapping[str, Any], by: Sequence[str], top: str | None) -> list[tuple[str | None, Decimal]]:
    if not by or by[0] != "kind":
        return [(top, row["ai_usd"])]
    return [(each.key[0], each.ai_usd) for each in by_kind([summed((None,), row)])]
