"""Fetching one page over HTTP, by one deadline for everything, whatever the other side does."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

import httpx

from collectors.prometheus.exposition.content_type import Format, format_of
from collectors.prometheus.exposition.refusal import PageRefused
from collectors.prometheus.scrape_target import ScrapeTarget
from collectors.unpacked import Unpacked
from roomleft.errors import CollectError

ACCEPT = ",".join(
    (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6",
        "application/openmetrics-text;version=0.0.1;q=0.5",
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4",
        "text/plain;version=0.0.4;q=0.3",
        "*/*;q=0.2",
    )
)
REDIRECTS = 5
REDIRECTED = frozenset({301, 302, 303, 307, 308})
KEEP_ALIVE_S = 330.0
"""A little longer than five minutes, the longest usual interval: a connection then lasts from one scrape to the next."""
CONNECT_SHARE = 0.8
HINTS = {
    401: "the target wants credentials: set token_env of the source",
    403: "the token is known but may not read this page",
    404: "is /metrics the right path?",
}


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page as it came, unpacked."""

    body: bytes
    format: Format


def scrape_client() -> httpx.AsyncClient:
    """The client that all targets share: one connection a target, kept open between scrapes. Belongs to one event loop."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=KEEP_ALIVE_S)
    # Deadlines are set around whole requests; httpx's own would bound each read apart.
    return httpx.AsyncClient(
        verify=ssl.create_default_context(), limits=limits, timeout=None, follow_redirects=False, trust_env=False
    )


async def fetch(client: httpx.AsyncClient, target: ScrapeTarget, timeout_s: float, forced: Format | None = None) -> Fetched:
    """The target's page. Raises CollectError: no answer within `timeout_s`, an answer that is no page, or one that is too large.

    `forced` reads the page in this format whatever its Content-Type says.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await _follow(client, target, timeout_s, forced)
    except TimeoutError as error:
        raise CollectError(
            f"no complete answer within {timeout_s:g} s",
            target.where,
            "is it up? a page that takes longer needs a longer timeout and interval",
        ) from error
    except httpx.ConnectTimeout as error:
        raise CollectError("nobody answers a connection", target.where, "is it up, and is the network between open?") from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, UnicodeError) as error:
        raise CollectError(
            f"the connection failed: {str(error) or type(error).__name__}",
            target.where,
            "is the target up, and is its address right?",
        ) from error


async def _follow(client: httpx.AsyncClient, target: ScrapeTarget, timeout_s: float, forced: Format | None) -> Fetched:
    home = url = httpx.URL(target.url)
    for _ in range(REDIRECTS + 1):
        headers = {"Accept": ACCEPT, "Accept-Encoding": "gzip", "X-Prometheus-Scrape-Timeout-Seconds": f"{timeout_s:g}"}
        if target.token and _origin(url) == _origin(home):
            headers["Authorization"] = f"Bearer {target.token}"
        # A connection that is not answered ends before the rest would: it is another fault than a slow page.
        patience = httpx.Timeout(None, connect=CONNECT_SHARE * timeout_s)
        async with client.stream("GET", url, headers=headers, timeout=patience) as answer:
            if answer.status_code in REDIRECTED and "location" in answer.headers:
                url = _redirected(url, home, answer.headers["location"], target.where)
                continue
            if answer.status_code != 200:
                hint = HINTS.get(answer.status_code, "see the target's own log")
                raise CollectError(f"answered {answer.status_code}", target.where, hint)
            try:
                kind = forced or format_of(answer.headers.get("content-type"))
            except PageRefused as refused:
                raise CollectError(refused.reason, target.where, refused.hint, retryable=False) from refused
            return Fetched(await _body(answer, target), kind)
    raise CollectError(f"more than {REDIRECTS} redirects", target.where, "give the final address", retryable=False)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _redirected(url: httpx.URL, home: httpx.URL, location: str, where: str) -> httpx.URL:
    onward = url.join(location)
    if onward.scheme not in ("http", "https") or (url.scheme == "https" and onward.scheme == "http"):
        raise CollectError(f"redirects to {onward.scheme}", where, "give the final address", retryable=False)
    if onward.userinfo and _origin(onward) != _origin(home):
        onward = onward.copy_with(userinfo=b"")
    return onward


async def _body(answer: httpx.Response, target: ScrapeTarget) -> bytes:
    """The whole body, unpacked; no more than one byte over the limit is ever unpacked."""
    encoding = answer.headers.get("content-encoding", "identity")
    remedy = "drop series at the source, or raise max_bytes"
    body = Unpacked(encoding, target.max_bytes, target.where, called="page", remedy=remedy)
    async for chunk in answer.aiter_raw():
        body.add(chunk)
    page = body.whole()
    if body.surplus:
        raise CollectError("there is more after the end of the gzip body", target.where, "the answer was damaged on the way")
    return page
