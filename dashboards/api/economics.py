"""Unit economics and cost reports over HTTP: the same rows as the page, for programs and for the command line."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from fastapi import APIRouter, Response

from analytics.economics_answer import answer_of
from analytics.economics_periods import BY_DEFAULT
from analytics.economics_read import Told, told
from analytics.reports.user_cost_read import cost_report
from collectors.records.fields import shown
from dashboards.api.answers import answer
from dashboards.asked_packs import packs_asked
from dashboards.cost_books import books_of
from dashboards.door.asking import may_see_users
from dashboards.parts import Parts
from roomleft.errors import InputError, UsersHidden
from roomleft.packs import Pack
from roomleft.timespan import parse_span
from warehouse.state.pseudonyms import Pseudonyms

SHORTEST, LONGEST = timedelta(days=1), timedelta(days=400)


def make_economics_api(parts: Parts) -> APIRouter:
    """The routes of unit economics and of the cost report."""
    router = APIRouter()

    @router.get("/api/v1/economics", summary="Unit economics of one platform, or of each", tags=["read"])
    async def economics(platform: str | None = None, period: str = BY_DEFAULT, by: str = "week") -> Response:
        now = parts.clock.now()
        found = [await asyncio.to_thread(read_economics, parts, pack, now, period, by) for pack in packs_asked(parts, platform)]
        return answer([answer_of(each) for each in found])

    @router.get("/api/v1/reports/cost", summary="The cost report of a platform, or of one of its users", tags=["read"])
    async def cost(platform: str | None = None, user: str | None = None, period: str | None = None) -> Response:
        span = _span(period)
        packs = packs_asked(parts, platform)
        if user is not None:
            if not may_see_users():  # before it is looked up: whether somebody is known is told to nobody else
                raise UsersHidden("the cost report of a user")
            packs, user = await asyncio.to_thread(_platforms_of, parts, packs, user)
        now = parts.clock.now()
        return answer(
            [
                await asyncio.to_thread(cost_report, parts.store, pack, user, span, now, see_users=may_see_users())
                for pack in packs
            ]
        )

    return router


def read_economics(parts: Parts, pack: Pack, now: datetime, period: str, by: str, *, kinds: bool = True) -> Told:
    """One platform's unit economics, from the warehouse; without personas unless `kinds`. Raises InputError, StoreError."""
    return told(parts.store, pack, now, period, by, served=books_of(parts).served, kinds=kinds)


def _span(period: str | None) -> timedelta | None:
    if period is None:
        return None
    span = parse_span(period)
    if not SHORTEST <= span <= LONGEST:
        raise InputError(
            f"a cost report cannot be of {shown(period)}", "the parameter period", "from 1d to 400d, for example 30d"
        )
    return span


def _platforms_of(parts: Parts, packs: list[Pack], user: str) -> tuple[list[Pack], str]:
    """The platforms that know a user, and the user's pseudonym. `user` is a person as the platform names them, or a pseudonym."""
    for pseudonym in dict.fromkeys(filter(None, (Pseudonyms(parts.state).of_known(user), user))):
        slugs = {row["platform"] for row in parts.store.rows("user_cost_platforms", user=pseudonym)}
        found = [pack for pack in packs if pack.slug in slugs]
        if found:
            return found, pseudonym
    raise InputError(
        "no call of this user is known" + ("" if len(packs) > 1 else f" on {packs[0].slug}" if packs else ""),
        "the parameter user",
        "give the person as the platform names them, or the pseudonym that the Cost pages show; a forgotten user has neither",
    )
