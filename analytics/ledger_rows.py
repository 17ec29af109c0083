"""Behind a figure: the rows of usage it is the sum of, and for a row every price it was charged, as arithmetic that comes to the cost shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from analytics.allocation import Rule
from analytics.ledger_sql import raw_tests
from roomleft.errors import UsersHidden
from roomleft.units import BUCKETS
from warehouse.ingest.quantities import UNITS, parent_of
from warehouse.store import Store, as_rows

NANO = Decimal("0.000000001")
# The page's rows are chosen by what is in them alone; only those few meet their cost entries.
ROWS = """
WITH bucketed AS (
    SELECT *, make_timestamptz(epoch_us(occurred_at) // 900000000 * 900000000) AS bucket
    FROM ai_usage WHERE occurred_at >= $since AND occurred_at < $until
),
chosen AS (
    SELECT event_id, source, id_hash, occurred_at, platform, component, provider, model, request_type, feature, status, tier, user_id, requests,
        input_uncached_tokens, cache_read_tokens, cache_write_tokens, output_tokens, images, characters, audio_seconds
    FROM bucketed WHERE {tests}
    ORDER BY occurred_at DESC, source, event_id LIMIT $count OFFSET $skip
),
costs AS (
    SELECT id_hash, source, event_id, sum(cost_usd)::DECIMAL(18, 9) AS cost_usd, arg_max(cost_state, revision) AS cost_state,
        bool_or(reason = 'reprice') AS restated
    FROM cost_entries
    WHERE occurred_at >= (SELECT min(occurred_at) FROM chosen) AND occurred_at <= (SELECT max(occurred_at) FROM chosen)
        AND id_hash IN (SELECT id_hash FROM chosen)
    GROUP BY ALL
)
SELECT chosen.*, coalesce(costs.cost_usd, 0)::DECIMAL(18, 9) AS cost_usd, coalesce(costs.cost_state, 'unpriced') AS cost_state,
    coalesce(costs.restated, false) AS restated
FROM chosen LEFT JOIN costs USING (id_hash, source, event_id)
ORDER BY occurred_at DESC, source, event_id
"""
COUNT = """
WITH bucketed AS (
    SELECT *, make_timestamptz(epoch_us(occurred_at) // 900000000 * 900000000) AS bucket
    FROM ai_usage WHERE occurred_at >= $since AND occurred_at < $until
)
SELECT count(*) AS rows, coalesce(sum(requests), 0)::BIGINT AS requests, min(occurred_at) AS first_at FROM bucketed WHERE {tests}
"""
ONE = "SELECT * EXCLUDE (attributes, tags, content_hash) FROM ai_usage WHERE source = $source AND event_id = $event_id AND occurred_at = $at"
ENTRIES = """
SELECT revision, price_id, cost_usd, cost_state, recorded_at, reason FROM cost_entries
WHERE source = $source AND event_id = $event_id AND occurred_at = $at ORDER BY revision, recorded_at
"""
RATES = """
SELECT price_id, unit, usd_per_unit, list_usd_per_unit, valid_from, catalogue, source, platform, context, input_over, checked_on, resolved_at FROM rates
WHERE list_contains($ids::VARCHAR[], price_id) ORDER BY resolved_at
"""


@dataclass(frozen=True, slots=True)
class UsageRows:
    """A page of rows, newest first. `rows` of them in all, of `requests` calls; `first_at` is the oldest's. `shared`: dimensions of the filter that
    rules share out, which a row cannot be kept by."""

    page: Sequence[Mapping[str, Any]]
    rows: int
    requests: int
    first_at: datetime | None
    shared: Sequence[str]


@dataclass(frozen=True, slots=True)
class PriceLine:
    """quantity × usd_per_unit = usd, to the last digit. `usd_per_unit` None: this quantity has no price."""

    unit: str
    quantity: Decimal
    usd_per_unit: Decimal | None
    usd: Decimal
    price: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Revision:
    """One entry of a row's cost: what it added, what the cost has been since, and the prices that make it up.

    `unexplained_usd` is what the lines do not come to: zero where the prices are known and nothing was reported.
    """

    number: int
    reason: str
    state: str
    added_usd: Decimal
    cost_usd: Decimal
    recorded_at: datetime
    lines: Sequence[PriceLine]
    unexplained_usd: Decimal


@dataclass(frozen=True, slots=True)
class Explained:
    """A row of usage and every revision of its cost, oldest first."""

    row: Mapping[str, Any]
    revisions: Sequence[Revision]


def usage_rows(
    store: Store,
    rules: Sequence[Rule],
    where: Mapping[str, tuple[str, ...]],
    span: tuple[datetime, datetime],
    *,
    count: int = 50,
    skip: int = 0,
    see_users: bool = False,
) -> UsageRows:
    """The usage behind a figure: `where` as in a Question, `span` what its answer covers. Without `see_users` no row has a user, and none can
    be asked for. Raises InputError, UsersHidden, StoreError.
    """
    if "user" in where and not see_users:
        raise UsersHidden("the rows of a user")
    tests, params, shared = raw_tests(where, rules)
    condition = " AND ".join(tests) or "true"
    given = {"since": span[0], "until": span[1], **params}
    rows = as_rows(store.select(ROWS.format(tests=condition), {**given, "count": count, "skip": skip}))
    page = rows if see_users else [without_user(row) for row in rows]
    (told,) = as_rows(store.select(COUNT.format(tests=condition), given))
    return UsageRows(page, told["rows"], told["requests"], told["first_at"], shared)


def without_user(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of usage that does not say whose it is: it has no `user_id` at all."""
    return {name: value for name, value in row.items() if name != "user_id"}


def explained(store: Store, source: str, event_id: str, at: datetime, *, see_users: bool = False) -> Explained | None:
    """A row and where its cost comes from; None if there is no such row. Without `see_users` not whose it is."""
    key = {"source": source, "event_id": event_id, "at": at}
    found = as_rows(store.select(ONE, key))
    if not found:
        return None
    entries = as_rows(store.select(ENTRIES, key))
    ids = sorted({each for entry in entries for each in ids_of(entry["price_id"])})
    rates = as_rows(store.select(RATES, {"ids": ids})) if ids else []
    revisions, so_far = [], Decimal(0)
    for entry in entries:
        so_far += entry["cost_usd"]
        known = [rate for rate in rates if rate["price_id"] in ids_of(entry["price_id"])]
        # Of a price that was resolved again, the one that was known then.
        then = {
            (rate["price_id"], rate["unit"]): rate
            for rate in sorted(known, key=lambda rate: (rate["resolved_at"] <= entry["recorded_at"], rate["resolved_at"]))
        }
        lines = priced_lines(found[0], list(then.values()))
        came_to = sum((line.usd for line in lines), Decimal(0)).quantize(NANO, rounding=ROUND_HALF_EVEN)
        revisions.append(
            Revision(
                entry["revision"],
                entry["reason"],
                entry["cost_state"],
                entry["cost_usd"],
                so_far,
                entry["recorded_at"],
                lines,
                so_far - came_to,
            )
        )
    return Explained(found[0] if see_users else without_user(found[0]), revisions)


def ids_of(price_id: str | None) -> list[str]:
    """The prices that a cost entry names."""
    return price_id.split(" + ") if price_id else []


def priced_lines(row: Mapping[str, Any], rates: Sequence[Mapping[str, Any]]) -> list[PriceLine]:
    """Every quantity of a row with its price: a part of a bucket with a price of its own is taken out of the bucket."""
    by_unit = {rate["unit"]: rate for rate in sorted(rates, key=_order)}
    amounts = amounts_of(row)
    lines = []
    for unit, amount in amounts.items():
        parent = parent_of(unit)
        if parent is not None and unit not in by_unit:
            continue
        inside = sum((part for name, part in amounts.items() if parent_of(name) == unit and name in by_unit), Decimal(0))
        rate = by_unit.get(unit)
        quantity = amount - inside
        if not quantity or (unit == "requests" and rate is None):
            continue
        price = rate["usd_per_unit"] if rate else None
        lines.append(PriceLine(unit, quantity, price, quantity * price if price is not None else Decimal(0), rate))
    return lines


def _order(rate: Mapping[str, Any]) -> tuple[Any, ...]:
    """Of two prices of one unit that an entry names, the later in this order was charged, as pricing chooses them."""
    rank = 0 if not rate["platform"] else 1 if str(rate["catalogue"]).startswith("contract") else 2
    return rank, bool(rate["context"]), rate["input_over"] or 0, rate["valid_from"], rate["resolved_at"], rate["price_id"]


def amounts_of(row: Mapping[str, Any]) -> dict[str, Decimal]:
    """Every quantity of a row that is not zero, by unit: buckets first, then what is counted on its own and parts."""
    found = {unit: Decimal(row[unit] or 0) for unit in (*BUCKETS, *UNITS) if unit in row}
    found["reasoning_tokens"] = Decimal(row.get("reasoning_tokens") or 0)
    for unit, amount in sorted((row.get("other_units") or {}).items()):
        found[unit] = Decimal(str(amount)).normalize()
        parent = parent_of(unit)
        if parent in ("images", "audio_seconds", "document_pages") and not row.get(parent):
            found[parent] = found.get(parent, Decimal(0)) + found[unit]
    return {unit: amount for unit, amount in found.items() if amount}
