"""What is left of prepaid credits: each provider's cost draws them down in the order it happened.

A cost is paid by the credit that expires first of those that are usable at its time and have something left; what no credit covers is for the bill.
What an expired credit had left is lost. Worked out anew from the costs each time, so late events and late prices correct it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from roomleft.credits import Credit
from warehouse.store import Store

DAY = timedelta(days=1)
PACE_DAYS, ENOUGH_DAYS = 14, 7
AHEAD = timedelta(days=365)
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Drawn:
    """How a credit stands. `used_usd` + `left_usd` + `lost_usd` = its amount, to the last digit. `ran_out_at`: the quarter hour in which it did.

    `runs_out_at` is when it will at the recent pace (None: not within a year, or before it expires), `wasted_usd` what will then have expired unused
    (None without a pace or an end). `at_most`: some cost has no price, so less may be left.
    """

    credit: Credit
    used_usd: Decimal
    left_usd: Decimal
    lost_usd: Decimal
    ran_out_at: datetime | None
    at_most: bool
    last_at: datetime | None
    per_day_usd: Decimal | None = None
    runs_out_at: datetime | None = None
    wasted_usd: Decimal | None = None


def credit_rows(store: Store, credits: Sequence[Credit], now: datetime) -> list[Drawn]:
    """Every credit as it stands at `now`, in the order given. Raises StoreError."""
    if not credits:
        return []
    since = min([now - (PACE_DAYS + 1) * DAY, *(credit.since for credit in credits)])
    providers = sorted({credit.provider for credit in credits})
    rows = store.rows("meter_credit_costs", since=since, until=now, providers=providers)
    drawn = draw_down(credits, rows, now)
    ahead = _ahead(rows, now)
    later = {each.credit.term_id: each for each in draw_down(credits, [*rows, *ahead], now + AHEAD)} if ahead else {}
    return [_looking_ahead(each, later.get(each.credit.term_id), rows, now) for each in drawn]


def draw_down(credits: Sequence[Credit], costs: Iterable[Mapping[str, Any]], now: datetime) -> list[Drawn]:
    """Pays the costs (`step_at`, `provider`, `platform`, `cost_usd`, `unpriced_requests`, `last_at`; by time) from the credits. Pure.

    A cost below zero (a corrected price) gives back to the credit that would pay at that time, at most what it had paid.
    """
    left = {credit.term_id: credit.amount_usd for credit in credits}
    out_at: dict[int, datetime] = {}
    doubted: set[int] = set()
    last_at: dict[int, datetime] = {}
    order = sorted(credits, key=lambda each: (each.until or NEVER, each.since, each.term_id))
    for cost in costs:
        at, due = cost["step_at"], Decimal(cost["cost_usd"] or 0)
        payers = [each for each in order if _may_pay(each, cost, at)]
        for credit in payers:
            key = credit.term_id
            last_at[key] = max(last_at.get(key, at), cost["last_at"] or at)
            if cost["unpriced_requests"]:
                doubted.add(key)
            paid = min(left[key], due) if due > 0 else max(due, left[key] - credit.amount_usd)
            left[key] -= paid
            due -= paid
            if paid > 0 and not left[key]:
                out_at[key] = at
            if left[key]:
                out_at.pop(key, None)
    return [
        Drawn(
            credit=credit,
            used_usd=credit.amount_usd - left[credit.term_id],
            left_usd=Decimal(0) if _is_over(credit, now) else left[credit.term_id],
            lost_usd=left[credit.term_id] if _is_over(credit, now) else Decimal(0),
            ran_out_at=out_at.get(credit.term_id),
            at_most=credit.term_id in doubted and left[credit.term_id] > 0,
            last_at=last_at.get(credit.term_id),
        )
        for credit in credits
    ]


def _may_pay(credit: Credit, cost: Mapping[str, Any], at: datetime) -> bool:
    usable = credit.since <= at and (credit.until is None or at < credit.until)
    return usable and credit.provider == cost["provider"] and credit.platform in ("", cost["platform"])


def _is_over(credit: Credit, now: datetime) -> bool:
    return credit.until is not None and credit.until <= now


def _ahead(rows: Sequence[Mapping[str, Any]], now: datetime) -> list[dict[str, Any]]:
    """A year of costs at the pace of the last whole days, by provider and platform; empty with fewer than seven days of any."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = min((row["step_at"] for row in rows), default=today)
    days = min(PACE_DAYS, (today - first) // DAY)
    if days < ENOUGH_DAYS:
        return []
    sums: dict[tuple[str, str], Decimal] = {}
    for row in rows:
        if today - days * DAY <= row["step_at"] < today:
            key = (row["provider"], row["platform"])
            sums[key] = sums.get(key, Decimal(0)) + Decimal(row["cost_usd"] or 0)
    return [
        {"step_at": now + (step + 0.5) * DAY, "provider": provider, "platform": platform, "cost_usd": total / days, "unpriced_requests": 0,
         "last_at": None}
        for step in range(AHEAD.days)
        for (provider, platform), total in sorted(sums.items())
        if total > 0
    ]  # fmt: skip


def _looking_ahead(each: Drawn, later: Drawn | None, rows: Sequence[Mapping[str, Any]], now: datetime) -> Drawn:
    if later is None or _is_over(each.credit, now) or not each.left_usd:
        return each
    within = each.credit.until is not None and each.credit.until <= now + AHEAD
    per_day = None
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = min(PACE_DAYS, (today - min(row["step_at"] for row in rows)) // DAY)
    recent = [row for row in rows if today - days * DAY <= row["step_at"] < today and row["provider"] == each.credit.provider]
    if days:
        mine = (Decimal(row["cost_usd"] or 0) for row in recent if each.credit.platform in ("", row["platform"]))
        per_day = sum(mine, Decimal(0)) / days
    return Drawn(
        credit=each.credit, used_usd=each.used_usd, left_usd=each.left_usd, lost_usd=each.lost_usd, ran_out_at=each.ran_out_at,
        at_most=each.at_most, last_at=each.last_at, per_day_usd=per_day, runs_out_at=later.ran_out_at,
        wasted_usd=later.lost_usd if within else None,
    )  # fmt: skip
