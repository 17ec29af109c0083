"""The HTTP API of allocation: what is allocated, what is left to assign, and the dated rules that assign it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from analytics.allocated_cost import Preview, allocation, preview, unallocated
from analytics.allocation import Rule, rules_of, with_candidate
from analytics.ledger import Books
from dashboards.api.answers import answer
from dashboards.cost_books import books_of
from dashboards.door.asking import who_asks
from dashboards.parts import Parts
from roomleft.errors import InputError
from roomleft.mapping_rules import KIND, mapping_rule
from roomleft.platform_names import known_platform
from roomleft.timespan import parse_instant
from warehouse.state.terms import Terms

LOOKED_BACK = timedelta(days=30)


class RuleBody(BaseModel):
    """A mapping rule as it is sent: a name, whose, from when, and what `roomleft.mapping_rules` reads."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=100, pattern=r"\S")
    platform: str = ""
    valid_from: str = Field(description="RFC 3339; it counts by quarter hour")
    valid_to: str | None = None
    match: dict[str, Any] = {}
    assign: dict[str, Any] = {}
    share: dict[str, Any] = {}
    override: bool = False
    priority: int = 0
    note: str = Field("", max_length=400)
    replace: bool = Field(False, description="take the place of the rule of this name, from valid_from on")
    even_if_empty: bool = Field(False, description="store it although it would change nothing in the time looked at")


def make_allocation_api(parts: Parts) -> APIRouter:
    """Routes below /api/v1/allocation."""
    router = APIRouter()
    _read(router, parts)
    _decide(router, parts)
    return router


def _read(router: APIRouter, parts: Parts) -> None:
    @router.get("/api/v1/allocation", summary="Cost by platform: allocated, shared, idle, unallocated", tags=["read"])
    async def allocated(
        dimension: str = "team", since: str | None = None, until: str | None = None, platform: str | None = None
    ) -> Response:
        now = parts.clock.now()
        start, end = span_of(since, until, now)

        def work() -> list[dict[str, Any]]:
            found = allocation(books_of(parts), dimension, start, end, now, platform)
            return [asdict(each) | {"allocated_usd": each.allocated_usd} for each in found]

        return answer({"since": start, "until": end, "dimension": dimension, "platforms": await asyncio.to_thread(work)})

    @router.get("/api/v1/allocation/unallocated", summary="Usage that nothing assigns, newest first", tags=["read"])
    async def left(
        dimension: str = "team", since: str | None = None, until: str | None = None, platform: str | None = None
    ) -> Response:
        start, end = span_of(since, until, parts.clock.now())
        found = await asyncio.to_thread(lambda: unallocated(books_of(parts), dimension, start, end, platform))
        return answer([asdict(each) for each in found])

    @router.get("/api/v1/allocation/rules", summary="The mapping rules in the order they are asked", tags=["read"])
    async def rules() -> Response:
        return answer([told(each) for each in await asyncio.to_thread(lambda: rules_of(Terms(parts.state)))])


def _decide(router: APIRouter, parts: Parts) -> None:
    @router.post(
        "/api/v1/allocation/preview", summary="What a mapping rule would change; nothing is stored (finance)", tags=["self"]
    )
    async def look(body: RuleBody) -> Response:
        _, seen = await asyncio.to_thread(_looked_at, parts, body)
        return answer(asdict(seen))

    @router.post("/api/v1/allocation/rules", summary="Make a mapping rule (finance)", tags=["self"])
    async def make(body: RuleBody, request: Request) -> Response:
        who = who_asks(request)

        def work() -> dict[str, Any]:
            rule, seen = _looked_at(parts, body)
            if seen.changes_nothing and not body.even_if_empty and rule.valid_from <= parts.clock.now():
                raise InputError(
                    f"the rule fits no usage from {seen.since:%Y-%m-%d} to {seen.until:%Y-%m-%d}", f"mapping rule {rule.name}",
                    "correct its match, or send even_if_empty to keep it for usage to come",
                )  # fmt: skip
            same = [
                term for term in Terms(parts.state).standing(KIND) if (term.platform, term.subject) == (rule.platform, rule.name)
            ]
            if same and not body.replace:
                raise InputError(
                    "there is a rule of this name already",
                    f"mapping rule {rule.name}",
                    "give another name, or send replace to take its place",
                )
            made = Terms(parts.state).add(
                KIND, rule.name, rule.says.content(), who=who, valid_from=rule.valid_from, valid_to=rule.valid_to,
                platform=rule.platform, note=rule.note,
            )  # fmt: skip
            parts.decided()
            return {"id": made, "preview": asdict(seen)}

        return answer(await asyncio.to_thread(work), 201)

    @router.post("/api/v1/allocation/rules/{rule_id}/withdraw", summary="Take a mapping rule back (finance)", tags=["self"])
    async def withdraw(rule_id: int, request: Request) -> Response:
        who = who_asks(request)

        def work() -> str:
            terms = Terms(parts.state)
            if rule_id not in {term.id for term in terms.all(KIND)}:
                raise InputError(f"there is no mapping rule {rule_id}", "allocation", "GET /api/v1/allocation/rules lists them")
            subject = terms.withdraw(rule_id, who=who).subject
            parts.decided()
            return subject

        return answer({"withdrawn": await asyncio.to_thread(work)})


def told(rule: Rule) -> dict[str, Any]:
    """A rule as the API tells it."""
    row = {
        name: getattr(rule, name) for name in ("id", "name", "platform", "valid_from", "valid_to", "made_by", "made_at", "note")
    }
    return row | {"match": {}, "assign": {}, "share": {}, "override": False, "priority": 0} | rule.says.content()


def span_of(since: str | None, until: str | None, now: datetime) -> tuple[datetime, datetime]:
    """The span that was asked for, else the last 30 days. Raises InputError."""
    end = parse_instant(until) if until else now
    start = parse_instant(since) if since else end - LOOKED_BACK
    if start >= end:
        raise InputError("since must be before until", "allocation", "ranges are half-open: [since, until)")
    return start, end


def _looked_at(parts: Parts, body: RuleBody) -> tuple[Rule, Preview]:
    """The rule that was sent and what it would change of the last 30 days, or of its own time where that is over. Raises InputError."""
    now, where = parts.clock.now(), f"mapping rule {body.name}"
    content: Mapping[str, Any] = body.model_dump(include={"match", "assign", "share", "override", "priority"})
    since, until = parse_instant(body.valid_from), parse_instant(body.valid_to) if body.valid_to else None
    if until is not None and until <= since:
        raise InputError("it would end before it begins", where, "give an end after the first day")
    known_platform(body.platform or None, parts.packs, where)
    if not body.match and not body.platform:
        raise InputError("the rule would fit all usage of all platforms", where, "give a platform, or something to match")
    rule = Rule(0, body.name, body.platform, since, until, mapping_rule(content, where), note=body.note)
    end = min(until or now, now)
    start = min(end - LOOKED_BACK, max(since, end - timedelta(days=400)))
    books: Books = books_of(parts)
    return rule, preview(books, with_candidate(Terms(parts.state), rule), rule, start, end, now)
