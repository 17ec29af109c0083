"""How answers travel: compressed, and the page's own files kept by browsers for a year, since their addresses change with their content."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import brotli
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FIXED_PREFIXES = ("/_dash-component-suites/", "/assets/")
SMALLEST = 1024
VERSIONED = re.compile(r"\.v[\d_]+m\d+\.")
"""Dash writes package version and file time into the addresses of its scripts."""
MOST_KEPT = 128
FOR_A_YEAR = "public, max-age=31536000, immutable"
TEXT = ("text/", "application/javascript", "application/json")


PACKED: Mapping[str, Callable[[bytes], bytes]] = {
    "br": lambda body: bytes(brotli.compress(body, quality=6)),
    "gzip": lambda body: gzip.compress(body, 6),
}
"""How a file is compressed, best first."""


class Transfer:
    """ASGI middleware. Scripts and styles are compressed once and kept, not at every page load; other answers as they come."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._others = GZipMiddleware(app, minimum_size=SMALLEST, compresslevel=4)
        self._kept: dict[tuple[str, bytes, str], _Kept] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(FIXED_PREFIXES):
            await self._others(scope, receive, send)
            return
        asked = Headers(scope=scope)
        # A file asked for without its version may change under that address: it is asked after again, by its ETag.
        lasting = bool(scope["query_string"]) or bool(VERSIONED.search(scope["path"])) or scope["path"].endswith(".woff2")
        encoding = _encoding(asked.get("accept-encoding", ""))
        if not encoding or "range" in asked or "if-none-match" in asked:
            await self.app(scope, receive, self._marked(send, lasting))
            return
        key = (scope["path"], scope["query_string"], encoding)
        if key not in self._kept or not lasting:
            collected = _Collected()
            await self.app(scope, receive, collected.receive)
            headers, body = collected.headers, collected.body
            if collected.status != 200 or len(body) < SMALLEST or not headers.get("content-type", "").startswith(TEXT):
                await self._marked(send, lasting and collected.status == 200)(
                    {"type": "http.response.start", "status": collected.status, "headers": headers.raw}
                )
                await send({"type": "http.response.body", "body": body})
                return
            etag = headers.get("etag", "")
            if key not in self._kept or self._kept[key].etag != etag or not etag:
                if len(self._kept) >= MOST_KEPT:
                    self._kept.clear()
                body = await asyncio.to_thread(PACKED[encoding], body)
                headers["content-encoding"], headers["content-length"], headers["vary"] = (
                    encoding,
                    str(len(body)),
                    "Accept-Encoding",
                )
                del headers["accept-ranges"]
                self._kept[key] = _Kept(etag, list(headers.raw), body)
        kept = self._kept[key]
        await self._marked(send, lasting)({"type": "http.response.start", "status": 200, "headers": list(kept.headers)})
        await send({"type": "http.response.body", "body": kept.body})

    @staticmethod
    def _marked(send: Send, lasting: bool) -> Send:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start" and lasting and message["status"] in (200, 304):
                MutableHeaders(scope=message)["cache-control"] = FOR_A_YEAR
            await send(message)

        return marked


def _encoding(accepted: str) -> str:
    """The best encoding that an Accept-Encoding header allows; empty for none."""
    offered = {name.strip(): rest.replace(" ", "") for name, _, rest in (each.partition(";") for each in accepted.split(","))}
    return next((name for name in PACKED if name in offered and offered[name] not in ("q=0", "q=0.0")), "")


class _Kept(NamedTuple):
    """A compressed file, and the ETag of what it was made from."""

    etag: str
    headers: list[tuple[bytes, bytes]]
    body: bytes


class _Collected:
    """A whole answer, gathered from its messages."""

    def __init__(self) -> None:
        self.status = 500
        self.headers = MutableHeaders()
        self.body = b""

    async def receive(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = MutableHeaders(raw=list(message["headers"]))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
