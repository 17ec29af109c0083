"""The HTTP API for budgets, quotas and credits: read them with what was decided, decide something else, take it back, and take them away as YAML or CSV."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response

from dashboards.api.answers import answer
from dashboards.api.bodies import read_object
from dashboards.budget_contracts import stored_before
from dashboards.budget_csv import budgets_csv
from dashboards.budget_deeds import amount_meaning, edit_limit, end_budget, new_budget, put_contract, put_credit, take_back
from dashboards.budget_rows import budget_answer, budgets, credit_answer, shown, term_answer, written_packs
from dashboards.budget_yaml import budgets_yaml
from dashboards.door.asking import who_asks
from dashboards.filters import parse
from dashboards.parts import Parts
from roomleft import contracts, credits
from roomleft.credits import credits_of
from roomleft.platform_names import known_platform
from warehouse.state.terms import Terms

ROUTE = "/api/v1/budgets"
CSV_PATH = "/export/budgets.csv"
EXAMPLE = 'for example {"amount": "5000", "from": "2026-12-01"}'
FROM = "`from` is the first day it holds (a day begins at midnight in the limit's zone; an instant may be given too), now without it; `reason` says why. "
DESCRIBED_EDIT = (
    FROM
    + "Of a limit: amount, window, rollover, owner, recipients, tight_below, note; what is not named stays. Amounts are texts or whole "
    "numbers, never fractions of JSON. Where the amount is for each of something (`amount_per` of the budget), it is sent with `per` naming that, "
    "or with `amount_per: null` for a fixed sum of the period; the answer's `amount_means` says what it comes to now. Nothing stored is changed: what is measured from now on takes it into account from that day."
)
DESCRIBED_NEW = (
    FROM + "platform, `limit` as in a pack (without id and meter) and `meter`: kind cost or count, its unit, and `where`. "
    "Values of `where` that no usage has had are refused unless `even_if_unseen` is true."
)


def make_budget_api(parts: Parts) -> APIRouter:
    """Routes below /api/v1/budgets, /api/v1/credits and /api/v1/decisions."""
    router = APIRouter()

    @router.get(ROUTE, summary="Every budget, quota and credit with what was decided about it", tags=["read"])
    async def listed(platform: str | None = None) -> Response:
        now = parts.clock.now()
        known_platform(platform, parts.packs)
        found = await asyncio.to_thread(budgets, parts, now, platform)
        return answer(
            {
                "budgets": [budget_answer(each, now) for each in found.rows],
                "credits": [credit_answer(each) for each in found.credits],
                "contracts": [term_answer(term) for term in found.contracts],
                "coming": [term_answer(term) for term in found.future],
                "misfits": [{"decision": each.term_id, "limit_id": each.limit_id, "why": each.why} for each in parts.misfits()],
            }
        )

    @router.get(f"{ROUTE}.yaml", summary="What was decided about limits, as YAML for the packs", tags=["read"])
    async def as_yaml(platform: str | None = None) -> Response:
        known_platform(platform, parts.packs)
        standing = await asyncio.to_thread(Terms(parts.state).standing, credits.KIND)
        text = budgets_yaml(written_packs(parts), dict(parts.packs), credits_of(standing), parts.clock.now(), platform)
        return Response(text, media_type="application/yaml", headers={"cache-control": "no-store"})

    @router.get(CSV_PATH, include_in_schema=False)
    async def as_csv(request: Request) -> Response:
        filters, now = parse(CSV_PATH, request.url.query), parts.clock.now()
        found = await asyncio.to_thread(budgets, parts, now, filters.platform)
        return Response(
            budgets_csv(replace(found, rows=shown(found.rows, filters)), now),
            media_type="text/csv; charset=utf-8",
            headers={"content-disposition": 'attachment; filename="budgets.csv"', "cache-control": "no-store"},
        )

    _deeds(router, parts)
    return router


def _deeds(router: APIRouter, parts: Parts) -> None:
    async def done(request: Request, deed: Callable[[dict[str, Any], str], dict[str, Any]]) -> Response:
        body = await read_object(request, EXAMPLE)
        return answer(await asyncio.to_thread(deed, body, who_asks(request)))

    @router.post(ROUTE, summary="A budget that no pack has (finance)", description=DESCRIBED_NEW, tags=["decide"])
    async def added(request: Request) -> Response:
        def deed(body: dict[str, Any], who: str) -> dict[str, Any]:
            limit_id, decision = new_budget(parts, body, who)
            return {"limit_id": limit_id, "decision": decision}

        return await done(request, deed)

    @router.put(
        ROUTE + "/{limit_id}", summary="Change a limit from a day on (finance)", description=DESCRIBED_EDIT, tags=["decide"]
    )
    async def edited(limit_id: str, request: Request) -> Response:
        def deed(body: dict[str, Any], who: str) -> dict[str, Any]:
            decision = edit_limit(parts, limit_id, body, who)
            meaning = amount_meaning(parts, limit_id, decision) if "amount" in body else ""
            return {"limit_id": limit_id, "decision": decision, **({"amount_means": meaning} if meaning else {})}

        return await done(request, deed)

    @router.post(ROUTE + "/{limit_id}/end", summary="End a budget that no pack has (finance)", description=FROM, tags=["decide"])
    async def ended(limit_id: str, request: Request) -> Response:
        return await done(request, lambda body, who: {"limit_id": limit_id, "decision": end_budget(parts, limit_id, body, who)})

    @router.post("/api/v1/credits", summary="A prepaid credit, or a correction of one (finance)", tags=["decide"])
    async def credited(request: Request) -> Response:
        def deed(body: dict[str, Any], who: str) -> dict[str, Any]:
            name, decision = put_credit(parts, body, who)
            return {"credit": name, "decision": decision}

        return await done(request, deed)

    @router.post("/api/v1/contracts", summary="What was agreed with a provider about its prices (finance)", tags=["decide"])
    async def agreed(request: Request) -> Response:
        def deed(body: dict[str, Any], who: str) -> dict[str, Any]:
            name, decision = put_contract(parts, body, who)
            term = next(each for each in Terms(parts.state).standing(contracts.KIND) if each.id == decision)
            said = stored_before(term, parts.clock.now())
            return {"contract": name, "decision": decision, **({"note": said.words, "reprice": said.command} if said else {})}

        return await done(request, deed)

    @router.delete("/api/v1/decisions/{decision}", summary="Take a decision back (finance)", tags=["decide"])
    async def taken_back(decision: int, request: Request) -> Response:
        return answer(term_answer(await asyncio.to_thread(take_back, parts, decision, who_asks(request))))
