"""Unit economics as the API and the page tell them: one sentence, and every figure by name; None is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from analytics.economics import Economics, TierEconomics
from analytics.economics_personas import PersonaRow, persona_rows
from analytics.economics_read import Told
from analytics.personas import MONTH_DAYS
from roomleft.money import CENT, shares, usd


def cents(one: Economics) -> dict[str, Decimal | None]:
    """Revenue, AI, infrastructure and margin in cents that add up: the cost of both and the margin are the exact ones, rounded."""
    ai, infrastructure = shares([one.ai_usd, one.infrastructure_usd])
    shown: dict[str, Decimal | None] = {"ai": ai, "infrastructure": infrastructure, "revenue": None, "margin": None}
    if one.known_revenue_usd is not None:
        margin = (one.known_revenue_usd - one.total_usd).quantize(CENT)
        # Of revenue in whole cents this is the revenue itself.
        shown |= {"margin": margin, "revenue": margin + ai + infrastructure}
    return shown


def infrastructure_a_user_month(told: Told) -> Decimal | None:
    """What the infrastructure costs a month for each active user of the period."""
    now = told.now
    if not told.infrastructure_known or not now.users or not now.covered.days:
        return None
    return now.infrastructure_usd / now.users / now.covered.days * MONTH_DAYS


def rows_of(told: Told) -> list[PersonaRow]:
    """The personas with their prices."""
    return persona_rows(told.pack, told.personas, infrastructure_a_user_month(told))


def verdict(told: Told) -> str:
    """What an active user costs and brings, and what that leaves, in one sentence."""
    now = told.now
    if told.read_to is None:
        return "No AI usage has arrived yet, so nothing is known of what a user costs."
    if now.covered.days < 1:
        return "No whole day of this period is over and known yet, so there is nothing to tell of it."
    if not now.users:
        return f"Nobody was active in {now.covered.words()}, or the calls do not say whose they are."
    least = "at least " if now.lower_bound else ""
    cost = f"An active user cost {least}{usd(now.total_usd / now.users)} in {now.covered.words()}"
    if now.known_revenue_usd is None or now.margin_usd is None:
        why = (
            "no revenue is reported"
            if now.revenue_usd is None
            else f"revenue is known for {now.revenue_days} of {now.covered.days} days"
        )
        return f"{cost}; whether that is paid for is unknown: {why}."
    paid = now.known_revenue_usd / now.users
    brought = f"and brought {usd(paid)}"
    share = (
        f"; AI alone takes {least}{now.api_share * 100:.1f}\u202f% of the revenue of those days"
        if now.api_share is not None
        else ""
    )
    # Of the two as they are shown, so that the sentence adds up.
    each = usd(abs(paid.quantize(CENT) - (now.total_usd / now.users).quantize(CENT)))
    if now.margin_usd < 0:
        result = f"{least}{each} is lost on each"
    else:
        result = f"{'at most ' if now.lower_bound else ''}{each} is left of each"
    return f"{cost} {brought}: {result}{share}."


def answer_of(told: Told) -> dict[str, Any]:
    """Everything, for programs."""
    return {
        "platform": told.pack.slug,
        "title": told.pack.title,
        "period": told.name,
        "zone": told.pack.zone,
        "sentence": verdict(told),
        "read_to": told.read_to,
        **period_of(told.now),
        "infrastructure_known": told.infrastructure_known,
        "infrastructure_assumed": bool(told.pack.costs and told.pack.costs.assumed),
        "before": period_of(told.before),
        "growth": {
            "cost": told.growth.cost,
            "revenue": told.growth.revenue,
            "cost_less_revenue": told.growth.gap,
            "reason": told.growth.reason,
        },
        "providers": [{"provider": each.name or None, "ai_usd": each.usd, "share": each.share} for each in told.now.providers],
        "tiers": [tier_of(each) for each in told.now.tiers],
        "personas": personas_of(told, rows_of(told)),
        "trend": [period_of(each) for each in told.trend],
        "provisional": told.marks.provisional,
        "restated_requests": told.marks.restated_requests,
        "unpriced_tokens": told.marks.unpriced_tokens,
        "reported_usd": told.marks.reported_usd,
        "estimated_usd": told.marks.estimated_usd,
    }


def period_of(one: Economics) -> dict[str, Any]:
    """A period's own figures."""
    return {
        "first_day": one.span.first,
        "until_day": one.span.ends,
        "known_from_day": one.covered.first,
        "known_until_day": one.covered.until,
        "days": (one.span.ends - one.span.first).days,
        "days_known": one.covered.days,
        "whole": one.whole,
        "active_users": one.users,
        "requests": one.requests,
        "tokens": one.tokens,
        "ai_usd": one.ai_usd,
        "infrastructure_usd": one.infrastructure_usd,
        "total_usd": one.total_usd,
        "revenue_usd": one.revenue_usd,
        "revenue_days": one.revenue_days,
        "margin_usd": one.margin_usd,
        "api_share_of_revenue": one.api_share,
        "infrastructure_roi": one.infrastructure_roi,
        "per_active_user": one.per(one.users),
        "per_request": one.per(one.requests),
        "per_million_tokens": {**one.per(Decimal(one.tokens) / 1_000_000), "token_calls_usd": token_calls(one)},
        "unpriced_requests": one.unpriced_requests,
        "lower_bound": one.lower_bound,
        "last_at": one.last_at,
    }


def token_calls(one: Economics) -> Decimal | None:
    """Dollars a million tokens of the calls that had tokens: pictures and speech apart."""
    return one.token_usd * 1_000_000 / one.tokens if one.tokens else None


def tier_of(tier: TierEconomics) -> dict[str, Any]:
    """A tier's figures; `tier` is None for calls that name none."""
    return {
        "tier": tier.tier or None,
        "active_users": tier.users,
        "requests": tier.requests,
        "revenue_usd": tier.revenue_usd,
        "ai_usd": tier.ai_usd,
        "infrastructure_usd": tier.infrastructure_usd,
        "margin_usd": tier.margin_usd,
        "api_share_of_revenue": tier.api_share,
        "usd_per_user": tier.usd_per_user,
        "unpriced_requests": tier.unpriced_requests,
    }


def personas_of(told: Told, rows: Sequence[PersonaRow]) -> dict[str, Any]:
    """The personas, or why there are none."""
    found = []
    for row in rows:
        one, described = row.found, row.described
        found.append(
            {
                "title": row.title,
                "users": one.users,
                "share": one.share,
                "usd_per_month": one.usd_per_month,
                "nine_in_ten": [one.low_usd, one.high_usd],
                "requests_per_day": one.requests_per_day,
                "images_per_day": one.images_per_day,
                "characters_per_day": one.characters_per_day,
                "tokens_per_day": one.tokens_per_day,
                "tier": one.tier,
                "tier_share": one.tier_share,
                "price_usd_per_month": row.price_usd,
                "profit_usd_per_month": row.profit_usd,
                "infrastructure_usd_per_month": row.infrastructure_usd,
                "margin_usd_per_month": row.margin_usd,
                "break_even_usd_per_month": row.break_even_usd,
                "allowed_share_price_usd_per_month": row.share_price_usd,
                "result": row.result,
                "lower_bound": one.lower_bound,
                "design": None
                if described is None
                else {
                    "name": described.name,
                    "usd_per_month": described.ai_usd_per_month,
                    "share_percent": described.share_percent,
                    "profit_usd_per_month": row.designed_profit_usd,
                },
            }
        )
    return {
        "found": found,
        "reason": told.personas.reason,
        "users": told.personas.users,
        "left_out": dict(told.personas.left_out),
    }
