"""The HTTP API of the search, and of the words that the pages explain."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Query, Response

from dashboards import glossary
from dashboards.api.answers import answer
from dashboards.parts import Parts
from dashboards.search_rows import LONGEST, Index, as_answer, search

ROUTE = "/api/v1/search"
GLOSSARY = "/api/v1/glossary"
DESCRIBED = (
    "Alerts (what fires first), limits, budgets, SLOs, platforms, components, models, reports and words that fit `q`, best first; without `q`, "
    "what fires. Each has the address of its page. At most 40, at most 8 of a group; the list is at most 20 s old."
)


def make_search_api(parts: Parts) -> APIRouter:
    """Routes /api/v1/search and /api/v1/glossary."""
    router = APIRouter()
    index = Index(parts)

    @router.get(ROUTE, summary="Find anything by name", description=DESCRIBED, tags=["read"])
    async def found(q: str = Query("", max_length=LONGEST)) -> Response:
        def work() -> list[object]:
            return [as_answer(each) for each in search(index.entries(), q)]

        return answer({"q": q, "found": await asyncio.to_thread(work)}, headers={"Cache-Control": "no-store"})

    @router.get(GLOSSARY, summary="What the product's words mean", tags=["read"])
    async def words() -> Response:
        # Every page asks for the words when it is opened: a search from it will find the list made.
        index.warm()
        terms = [{"name": each.name, "means": each.means, "also": each.also, "anchor": each.anchor} for each in glossary.TERMS]
        return answer({"version": glossary.version(), "terms": terms}, headers={"Cache-Control": "private, max-age=3600"})

    return router
