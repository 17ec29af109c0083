"""Reading a JSON document from a source over HTTP, when the source, the network or both misbehave.

One `Fetcher` belongs to one source and one thread. What it gives up on becomes a CollectError that says what, where and what to do.
"""

from __future__ import annotations

import ipaddress
import json
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpcore
import httpx
import orjson

from collectors.platform_api.page_records import Records, taken_apart
from collectors.unpacked import Unpacked
from roomleft.clock import Clock, Now
from roomleft.deadline import Deadline, DeadlineTransport
from roomleft.errors import CollectError

T = TypeVar("T")
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
HINTS = {
    401: "the source does not accept the token: set the one it expects",
    403: "the token is known but may not read this: ask for the right to read it",
    404: "the address is wrong, or the source does not offer this stream",
    410: "the source no longer knows how far it had been read",
}


@dataclass(frozen=True)
class Patience:
    """How long and how often a source is tried. All times are wall-clock seconds."""

    connect_timeout_s: float = 5.0
    read_timeout_s: float = 10.0
    total_timeout_s: float = 30.0
    attempts: int = 3
    backoff_s: float = 0.5
    longest_wait_s: float = 10.0
    max_body_bytes: int = 64 * 1024 * 1024


class Fetcher:
    """GETs JSON below one base address with a bearer token."""

    def __init__(
        self,
        base_url: str,
        token: str,
        patience: Patience | None = None,
        *,
        sleep: Callable[[float], object] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: random.Random | None = None,
        wall: Now | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.patience = patience or Patience()
        self._base_url = base_url.rstrip("/")
        self._sleep = sleep
        self._monotonic = monotonic
        self._jitter = jitter or random.Random()
        # Retry-After dates are the wall's, even when the rest of the program runs on a faster clock.
        self._wall = wall or Clock()
        self._deadline = Deadline(monotonic)
        self._transport = DeadlineTransport(self._deadline)
        self._client = httpx.Client(
            transport=self._transport,
            headers={
                **({"Authorization": f"Bearer {token}"} if token else {}),
                **(headers or {}),
                "Accept": "application/json, application/health+json",
                # Within one machine there is no network to spare, only processors.
                "Accept-Encoding": "identity" if _is_this_machine(base_url) else "gzip",
            },
            timeout=httpx.Timeout(self.patience.read_timeout_s, connect=self.patience.connect_timeout_s),
            follow_redirects=False,
            trust_env=False,
        )

    def rest(self) -> None:
        """Close the connections until the next request: a source that is read now and then need not keep one open."""
        self._transport.close()

    def close(self) -> None:
        """Close for good."""
        self._client.close()

    def get(self, path: str, params: Mapping[str, str] | None = None, also_good: Collection[int] = ()) -> dict[str, object]:
        """The JSON object at `path`. Statuses in `also_good` count as answers. Retries what may pass; raises CollectError."""
        return self._get(path, params, also_good, _document)

    def get_json(self, path: str, params: Mapping[str, str] | None = None) -> object:
        """Whatever JSON is at `path`. Raises CollectError as `get` does."""
        return self._get(path, params, (), _json)

    def exact(self, path: str, params: Sequence[tuple[str, str]] = (), body: object = None) -> object:
        """Whatever JSON is at `path`, its numbers with a point as Decimal, every digit kept. With a `body` it is POSTed, as JSON.

        A name in `params` may come again. Raises CollectError as `get` does.
        """
        url = httpx.URL(self._base_url + path, params=httpx.QueryParams(tuple(params)))
        return self._patiently(lambda: self._once(url, (), _exact, None if body is None else orjson.dumps(body)))

    def get_page(self, path: str, params: Mapping[str, str] | None = None) -> tuple[Mapping[str, object], Records | None]:
        """A page's fields and its records (None when it holds no list of them). Raises CollectError as `get` does."""
        return self._get(path, params, (), _page_document)

    def _get(
        self, path: str, params: Mapping[str, str] | None, also_good: Collection[int], read: Callable[[bytes, str, str], T]
    ) -> T:
        url = httpx.URL(self._base_url + path, params=dict(params or {}))
        return self._patiently(lambda: self._once(url, also_good, read))

    def _patiently(self, ask: Callable[[], T]) -> T:
        for attempt in range(1, self.patience.attempts + 1):
            try:
                return ask()
            except CollectError as error:
                # A source that asks for a longer wait than a caller can sit out gets it: the caller comes back later.
                too_long = (error.retry_after_s or 0.0) > self.patience.longest_wait_s
                if not error.retryable or too_long or attempt == self.patience.attempts:
                    raise
                self._sleep(self._wait(attempt, error.retry_after_s))
        raise AssertionError("unreachable")

    def _wait(self, attempt: int, retry_after_s: float | None) -> float:
        longest = self.patience.longest_wait_s
        if retry_after_s is not None:
            return retry_after_s
        # Full jitter: sources that failed together are not asked again together.
        return self._jitter.uniform(0, min(longest, self.patience.backoff_s * 2 ** (attempt - 1)))

    def _once(
        self, url: httpx.URL, also_good: Collection[int], read: Callable[[bytes, str, str], T], posted: bytes | None = None
    ) -> T:
        where = str(url.copy_with(query=None))
        self._deadline.start(self.patience.total_timeout_s)
        try:
            sent: dict[str, object] = (
                {} if posted is None else {"content": posted, "headers": {"Content-Type": "application/json"}}
            )
            with self._client.stream("GET" if posted is None else "POST", url, **sent) as answer:  # type: ignore[arg-type]
                if answer.status_code != 200 and answer.status_code not in also_good:
                    raise self._refusal(answer, where)
                body = self._body(answer, where)
                kind = answer.headers.get("content-type", "")
        except (httpcore.TimeoutException, httpx.TimeoutException) as error:
            raise CollectError(
                f"no complete answer in time ({type(error).__name__})",
                where,
                "is the source up, and is the network between open?",
            ) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpx.HTTPError, OSError) as error:
            raise CollectError(
                f"the connection failed: {error or type(error).__name__}", where, "is the source up, and is the address right?"
            ) from error
        return read(body, kind, where)

    def _refusal(self, answer: httpx.Response, where: str) -> CollectError:
        status = answer.status_code
        if 300 <= status < 400:
            target = answer.headers.get("location", "nowhere")[:200]
            return CollectError(
                f"answered {status}, a redirect to {target}",
                where,
                "redirects are not followed, since they would carry the token elsewhere: give the final address",
                retryable=False,
            )
        said = _said(answer, self.patience.max_body_bytes)
        hint = HINTS.get(status, "see the source's own log")
        retry_after_s = self._retry_after(answer.headers.get("retry-after")) if status in (429, 503) else None
        return CollectError(f"answered {status}{said}", where, hint, retryable=status in RETRIED, retry_after_s=retry_after_s)

    def _retry_after(self, header: str | None) -> float | None:
        """Seconds to wait, from seconds or an HTTP date; None when the header says nothing usable."""
        if header is None:
            return None
        if header.strip().isdigit():
            return float(header.strip())
        try:
            at = parsedate_to_datetime(header)
        except ValueError:
            return None
        return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - self._wall.now()).total_seconds())

    def _body(self, answer: httpx.Response, where: str) -> bytes:
        encoding = answer.headers.get("content-encoding", "identity")
        remedy = "ask for smaller pages, or raise the limit"
        body = Unpacked(encoding, self.patience.max_body_bytes, where, called="body", remedy=remedy)
        for chunk in answer.iter_raw():
            body.add(chunk)
        return body.whole()


def _is_this_machine(base_url: str) -> bool:
    host = httpx.URL(base_url).host
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _page_document(body: bytes, kind: str, where: str) -> tuple[Mapping[str, object], Records | None]:
    _refuse_other_than_json(kind, where)
    apart = taken_apart(body)
    if apart is not None:
        return apart
    document = _document(body, kind, where)
    records = document.get("records")
    return document, Records(body, None, len(records), records) if isinstance(records, list) else None


def _json(body: bytes, kind: str, where: str) -> object:
    _refuse_other_than_json(kind, where)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _not_json(error, where) from error


def _exact(body: bytes, kind: str, where: str) -> object:
    _refuse_other_than_json(kind, where)
    try:
        return json.loads(body, parse_float=Decimal)
    except ValueError as error:
        raise CollectError(f"the body is not JSON: {error}", where, "the answer was cut short or damaged") from error


def _document(body: bytes, kind: str, where: str) -> dict[str, object]:
    document = _json(body, kind, where)
    if not isinstance(document, dict):
        raise CollectError("the answer is not a JSON object", where, "is this the platform API's address?", retryable=False)
    return document


def _not_json(error: orjson.JSONDecodeError, where: str) -> CollectError:
    return CollectError(f"the body is not JSON: {error}", where, "the answer was cut short or damaged")


def _refuse_other_than_json(kind: str, where: str) -> None:
    media = kind.split(";")[0].strip().lower()
    if media != "application/json" and not media.endswith("+json"):
        raise CollectError(
            f"the content type is {kind[:60]!r}, not JSON", where, "is this the platform API's address?", retryable=False
        )


def _said(answer: httpx.Response, limit: int) -> str:
    """What an error answer says of itself: its `error.what`, when the body has one."""
    try:
        if int(answer.headers.get("content-length", "0")) > min(limit, 65536) or "content-encoding" in answer.headers:
            return ""
        raw = bytearray()
        for chunk in answer.iter_raw():
            raw += chunk
            if len(raw) > 65536:
                return ""
        what = orjson.loads(bytes(raw))["error"]["what"]
    except (
        ValueError,
        KeyError,
        TypeError,
        httpx.HTTPError,
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
    ):
        return ""
    return f": {str(what)[:200]}"
