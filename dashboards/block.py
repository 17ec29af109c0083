"""The frame around every data callback: reads run in threads behind the shared snapshot, and a fault stays inside its block."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from dash import ctx
from dash.exceptions import PreventUpdate

from dashboards.components import states
from dashboards.door.asking import may_see_users
from dashboards.door.deeds import as_allowed
from dashboards.parts import Parts
from dashboards.shell import Id as Shell
from dashboards.snapshot import Snapshots
from roomleft.errors import NEEDS_FINANCE, RoomleftError, UsersHidden

log = logging.getLogger("roomleft.pages")


COUNTED_TICKS = 10**9
"""A page's own ticks count from 1; one that a person asked for is the browser's clock, in milliseconds."""

HELD, FAILED = "held", "failed"
"""What an answer is remarked with: a tick that was not let through, a block that could not be made."""
_REMARKS: ContextVar[set[str] | None] = ContextVar("roomleft_remarks", default=None)


@contextmanager
def remarks() -> Iterator[set[str]]:
    """What is remarked of the answer that is made within."""
    found: set[str] = set()
    token = _REMARKS.set(found)
    try:
        yield found
    finally:
        _REMARKS.reset(token)


def _remark(word: str) -> None:
    found = _REMARKS.get()
    if found is not None:
        found.add(word)


def calm(tick: int | None, every: int = 6) -> None:
    """For blocks of many elements, which keep the browser busy whenever they are drawn: lets one tick of `every` through, and all that a
    person did. Raises PreventUpdate.
    """
    if ctx.triggered_id == Shell.TICK and tick is not None and tick < COUNTED_TICKS and tick % every:
        _remark(HELD)
        raise PreventUpdate


class Pages:
    """What a page's callbacks work with: the running parts and the shared snapshots."""

    def __init__(self, parts: Parts, snapshots: Snapshots | None = None) -> None:
        self.parts = parts
        self.snapshots = snapshots or Snapshots()

    async def read(self, key: Hashable, work: Callable[[], Any]) -> Any:
        """`work` in a thread, its answer shared for a second under `key` among those who may see the same."""
        return await self.snapshots.get((may_see_users(), key), work)

    async def guard(self, make: Callable[[], Awaitable[Any]]) -> Any:
        """What `make` builds; an error block in its place when it fails, with an id that is in the log too."""
        try:
            return as_allowed(await make())
        except PreventUpdate:
            raise
        except Exception as error:
            return failed_block(error)


def failed_block(error: Exception) -> Any:
    """The error block for a fault, logged under the id it shows."""
    if isinstance(error, UsersHidden):
        return states.empty(f"{NEEDS_FINANCE}: what single users cost.", then="An administrator gives roles, at People.")
    _remark(FAILED)
    error_id = secrets.token_hex(4)
    if isinstance(error, RoomleftError):
        log.warning("block failed (%s): %s", error_id, error)
        return states.failed(f"{error.what[:1].upper()}{error.what[1:]}.", error.hint, error_id)
    log.error("block failed (%s)", error_id, exc_info=error)
    return states.failed("This block could not be made.", f"the log names the cause under {error_id}", error_id)
