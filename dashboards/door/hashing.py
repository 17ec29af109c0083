"""Passwords are hashed in threads of their own: however many strangers knock, pages and ingest keep theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from dashboards.door.refusals import TooManyTries
from warehouse.state.passwords import AT_ONCE

T = TypeVar("T")
WAITING = 16
"""How many may wait for their turn; at a tenth of a second each, the last of them waits less than two."""
KEPT_FREE = 4
"""Places beyond those, for browsers that their person has signed in with before: a flood of strangers does not take them."""
RETRY_AFTER_S = 2.0

_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="password")
_waiting = 0


def check_room(where: str = "/sign-in", *, known: bool = False) -> None:
    """Raises TooManyTries where too many wait already. Nothing else gets in between this and a turn that is asked for without awaiting anything."""
    if _waiting >= WAITING + AT_ONCE + (KEPT_FREE if known else 0):
        raise TooManyTries(where, RETRY_AFTER_S)


async def hashed_in_turn(work: Callable[[], T], where: str = "/sign-in", *, known: bool = False) -> T:
    """What `work` answers. Raises TooManyTries at once where too many wait already; of a `known` browser a few more may."""
    global _waiting
    check_room(where, known=known)
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, work)
    finally:
        _waiting -= 1
