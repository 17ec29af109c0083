"""The switches of a demo's stand-in platforms, over their own HTTP."""

from __future__ import annotations

from functools import cache
from typing import Any

import httpx

from roomleft.datadir import RunningServer
from roomleft.errors import CollectError

TIMEOUT_S = 5.0


def faults_of(stand_in: RunningServer, platform: str) -> list[dict[str, Any]]:
    """A platform's faults: name, on, description. Raises CollectError."""
    found = _asked(stand_in, "GET", f"/{platform}/faults", None)
    return found if isinstance(found, list) else []


def switch(stand_in: RunningServer, platform: str, fault: str, on: bool) -> None:
    """Switch a fault of a platform on or off. Raises CollectError, also for a fault it does not have."""
    _asked(stand_in, "PUT", f"/{platform}/faults/{fault}", {"on": on})


@cache
def _client() -> httpx.Client:
    """One for all: a new one reads the machine's certificates, which costs more than everything asked here. It keeps no connection open."""
    return httpx.Client(timeout=TIMEOUT_S, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


def _asked(stand_in: RunningServer, method: str, path: str, body: dict[str, Any] | None) -> Any:
    where = f"stand-in {path}"
    try:
        answer = _client().request(
            method,
            f"{stand_in.url.rstrip('/')}{path}",
            json=body,
            headers={"Authorization": f"Bearer {stand_in.token}"},
        )
        said = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise CollectError(
            f"the stand-in platforms do not answer: {type(error).__name__}", where, "stop the demo and start it again"
        ) from error
    if answer.status_code != 200:
        told = said.get("error", {}) if isinstance(said, dict) else {}
        raise CollectError(str(told.get("what", f"answered {answer.status_code}")), where, str(told.get("hint", "")))
    return said
