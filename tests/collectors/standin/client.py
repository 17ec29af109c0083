"""A plain client for an ASGI app in this process."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from fastapi import FastAPI


class Client:
    """Sends one request at a time; `headers` go with each."""

    def __init__(self, app: FastAPI, base_url: str, token: str) -> None:
        self.app = app
        self.base_url = base_url
        self.headers: dict[str, str | bytes] = {"authorization": f"Bearer {token}"}

    def get(self, path: str, **more: Any) -> httpx.Response:
        return asyncio.run(self._send("GET", path, **more))

    def put(self, path: str, **more: Any) -> httpx.Response:
        return asyncio.run(self._send("PUT", path, **more))

    async def _send(self, method: str, path: str, headers: dict[str, str | bytes] | None = None, **more: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=self.base_url) as client:
            return await client.request(method, path, headers={**self.headers, **(headers or {})}, **more)
