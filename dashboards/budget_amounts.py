"""Amounts that are for each of something: what one comes to now, and which of the two an edit means. $6,000 a month and $6,000 for each user
are told apart before anything is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from analytics.meters import Meters, priced_per
from analytics.wording import amount_text
from dashboards import wording
from dashboards.parts import Parts
from roomleft.errors import InputError, RoomleftError
from roomleft.limits import Limit
from roomleft.money import usd

PER, AMOUNT_PER = "per", "amount_per"


def each_of(amount_per: str) -> str:
    """`active users` of `active_users`."""
    return amount_per.replace("_", " ")


def one_of(amount_per: str) -> str:
    """`active user` of `active_users`."""
    words = each_of(amount_per)
    return words[:-1] if words.endswith("s") and not words.endswith("ss") else words


def amount_said(amount: Decimal, unit: str) -> str:
    """`$6,000`, `$2.50`, `100 images`: to the cent where there are cents, and what is less than a dollar as it is."""
    if unit != "usd":
        return amount_text(amount, unit)
    if amount != round(amount, 2) and abs(amount) < 1:
        return f"${amount.normalize():,f}"
    return usd(amount).removesuffix(".00")


def stated(
    changes: Mapping[str, Any], held: Mapping[str, Any], written_per: str | None, limit_id: str, comes: str
) -> dict[str, Any]:
    """The changes with `per` told as `amount_per`. `held` is what is decided already, `comes` what the amount for each comes to now.

    Raises InputError where an amount could mean either.
    """
    found = {key: value for key, value in changes.items() if key != PER}
    if PER in changes:
        found[AMOUNT_PER] = changes[PER] or None
    if written_per is None:
        if found.get(AMOUNT_PER):
            raise InputError(f"its amount is a sum, not for each of {str(found[AMOUNT_PER])[:60]}", limit_id, "leave per out")
        found.pop(AMOUNT_PER, None)
        return found
    fixed = AMOUNT_PER in held and held[AMOUNT_PER] is None
    if AMOUNT_PER in found and "amount" not in found:
        raise InputError("what the amount is for changes only with the amount", limit_id, "send amount too")
    if "amount" in found and AMOUNT_PER not in found:
        if not fixed:
            raise InputError(
                f"the amount is for each {one_of(written_per)}, so {str(found['amount'])[:40]} could mean two things",
                limit_id,
                f'send "per": "{written_per}"{comes}, or "amount_per": null for a fixed sum of the period',
            )
        found[AMOUNT_PER] = None
    return found


def comes_to(parts: Parts, limit: Limit, amount: object, now: datetime) -> str:
    """`6,000 × 2,477 active users = $14,862,000`; '' where the amount is no number; says so where nobody knows how many there are."""
    try:
        each = Decimal(str(amount))
    except InvalidOperation:
        return ""
    if not each.is_finite() or abs(each) >= Decimal("1e15"):
        return ""
    if limit.amount_per is None:
        return amount_said(each, limit.unit) + (" for each user" if limit.per_user else "")
    per = each_of(limit.amount_per)
    pack = parts.packs[limit.platform]
    try:
        one, unknown = priced_per(Meters(parts.store, pack, now), replace(limit, amount=Decimal(1), rollover=False))
    except RoomleftError:
        return f"{amount_said(each, limit.unit)} × {per}; how many there are is not known now"
    if unknown is not None:
        return f"{amount_said(each, limit.unit)} × {per}; how many there are is not known now"
    return f"{amount_said(each, limit.unit)} × {wording.whole(one.amount)} {per} = {amount_said(each * one.amount, limit.unit)}"
