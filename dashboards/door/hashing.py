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
RETRY_AFTER_S = 2.0

_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="password")
_waiting = 0


async def hashed_in_turn(work: Callable[[], T], where: str = "/sign-in") -> T:
    """What `work` answers. Raises TooManyTries at once where too many wait already."""
    global _waiting
    if _waiting >= WAITING + AT_ONCE:
        raise TooManyTries(where, RETRY_AFTER_S)
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, work)
    finally:
        _waiting -= 1
