"""Questions to a running server. While a server owns the store, every command that needs it asks the server."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import httpx

from roomleft.datadir import RunningServer
from roomleft.errors import CollectError, InputError, QueueFull, Refused, RoomleftError, TooLarge

KINDS: dict[int, type[RoomleftError]] = {400: InputError, 401: Refused, 403: Refused, 413: TooLarge, 422: InputError}


class Client:
    """A command's connection to the server that announced itself."""

    def __init__(self, server: RunningServer, timeout_s: float = 120.0) -> None:
        self.server = server
        self.http = httpx.Client(
            base_url=server.url, headers={"Authorization": f"Bearer {server.token}"}, timeout=timeout_s, trust_env=False
        )

    def get(self, path: str, **params: Any) -> Any:
        """The JSON answer to a GET. Raises RoomleftError as the server put it."""
        return self._answer("GET", path, params={key: value for key, value in params.items() if value is not None})

    def readiness(self) -> Any:
        """What /readyz says; it answers 503 while the server is not ready."""
        return self._answer("GET", "/readyz", (503,))

    def post(
        self,
        path: str,
        *,
        json: Any = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        accept: Collection[int] = (),
    ) -> Any:
        """The JSON answer to a POST; `accept` are statuses whose answer is wanted although they say that something is wrong."""
        return self._answer("POST", path, accept, json=json, content=content, headers=headers)

    def put(self, path: str, *, json: Any) -> Any:
        """The JSON answer to a PUT."""
        return self._answer("PUT", path, json=json)

    def delete(self, path: str) -> Any:
        """The JSON answer to a DELETE."""
        return self._answer("DELETE", path)

    def _answer(self, method: str, path: str, accept: Collection[int] = (), **request: Any) -> Any:
        try:
            response = self.http.request(method, path, **request)
            body = response.json()
        except httpx.HTTPError as error:
            raise CollectError(f"the server does not answer: {error}", self.server.url + path, "is it still running?") from error
        except ValueError as error:
            raise CollectError(
                f"the server answered {response.status_code} without JSON", self.server.url + path, "see the server's output"
            ) from error
        if response.is_success or response.status_code in accept:
            return body
        told = body.get("error", {}) if isinstance(body, dict) else {}
        what, where, hint = (str(told.get(key, "")) for key in ("what", "where", "hint"))
        what = what or f"the server answered {response.status_code}"
        if response.status_code == 429:
            raise QueueFull(what, where, hint, retry_after_s=float(response.headers.get("retry-after", "1")))
        raise KINDS.get(response.status_code, RoomleftError)(what, where or path, hint)
