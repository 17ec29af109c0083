"""Open WebSockets are let in once and asked for again and again: who signed out, or may do something else by now, is shown nothing more."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

EVERY_S = 3.0
SIGNED_OUT = 4401
"""The closing code that says so; browsers may not be sent an HTTP status once a WebSocket is open."""
GRACE_S = 5.0
"""How long what runs behind a closed WebSocket may take to notice."""


async def watched(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, still: Callable[[], Awaitable[bool]], every_s: float = EVERY_S
) -> None:
    """Runs `app` for as long as `still` says so, asked every `every_s` seconds. Then nothing more goes out, and the app sees a disconnect."""
    over = asyncio.Event()
    gone = asyncio.create_task(over.wait())

    async def heard() -> Message:
        if over.is_set():
            return {"type": "websocket.disconnect", "code": SIGNED_OUT}
        message = asyncio.ensure_future(receive())
        await asyncio.wait({message, gone}, return_when=asyncio.FIRST_COMPLETED)
        if message.done():
            return message.result()
        message.cancel()
        return {"type": "websocket.disconnect", "code": SIGNED_OUT}

    async def said(message: Message) -> None:
        if not over.is_set():
            await send(message)

    running = asyncio.ensure_future(app(scope, heard, said))
    try:
        while not (await asyncio.wait({running}, timeout=every_s))[0]:
            if not await still():
                over.set()
                with contextlib.suppress(RuntimeError, OSError):  # it may be closed already
                    await send({"type": "websocket.close", "code": SIGNED_OUT, "reason": "signed out"})
                await asyncio.wait({running}, timeout=GRACE_S)
                break
        if running.done():
            await running
    finally:
        running.cancel()
        gone.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await running
