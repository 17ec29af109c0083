"""The HTTP API for what is watched: the sources, a look at one now, and packs that were written or edited."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request, Response

from dashboards.api.answers import answer
from dashboards.api.reload_audit import note_reload
from dashboards.door.asking import who_asks
from dashboards.parts import Parts, Reloaded


def add_source_routes(router: APIRouter, parts: Parts) -> None:
    """Routes below /api/v1/sources and /api/v1/packs."""

    @router.get("/api/v1/sources", summary="Every source and how it stands", tags=["read"])
    async def sources() -> Response:
        found = await asyncio.to_thread(parts.sources)
        rows = [asdict(each) | {"interval_s": each.interval.total_seconds()} for each in found]
        return answer([{name: value for name, value in row.items() if name != "interval"} for row in rows])

    @router.post("/api/v1/sources/{source}/test", summary="Read a source now and say what came of it (admin)", tags=["self"])
    async def test(source: str) -> Response:
        return answer(asdict(await asyncio.to_thread(parts.test_source, source)))

    @router.post(
        "/api/v1/packs/reload",
        summary="Read the packs, the alert rules and alerting.yaml again (admin)",
        description="New and edited packs come into force at once, their sources with them. A pack with a fault is refused with "
        "every fault of it, and what was in force before stays so.",
        tags=["self"],
    )
    async def reload(request: Request) -> Response:
        who = who_asks(request)

        def noted() -> Reloaded:
            reloaded = parts.reload_packs()
            note_reload(parts.state, reloaded, who)
            return reloaded

        return answer(_told(await asyncio.to_thread(noted)))


def _told(reloaded: Reloaded) -> dict[str, Any]:
    changes = {name: list(getattr(reloaded, name)) for name in ("added", "changed", "removed", "unchanged")}
    refused = [{"pack": slug, "faults": [fault.as_dict() for fault in faults]} for slug, faults in reloaded.refused.items()]
    rules: dict[str, Any] = {name: list(getattr(reloaded, f"rules_{name}")) for name in ("added", "changed", "removed")}
    rules["refused"] = [
        {"file": file, "faults": [fault.as_dict() for fault in faults]} for file, faults in reloaded.rules_refused.items()
    ]
    return {**changes, "refused": refused, "rules": rules, "alerting_changed": reloaded.alerting_changed}
