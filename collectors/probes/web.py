"""An HTTP request as a probe makes it: every phase timed, redirects and body bounded, and a verdict in words."""

from __future__ import annotations

import http.client
import socket
import time
import zlib
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from collectors.probes.line import Deadline, Phases, connected, resolved, secured
from collectors.probes.tls import context

REDIRECTS = 5
BODY_LIMIT = 1_000_000
CHUNK = 65_536
AGENT = "roomleft-probe"
REDIRECTING = frozenset({301, 302, 303, 307, 308})
SAFE = "%/:=&?~+!$,;'@()*[]"
"""What stands in a path or query as it is; anything else that is not ASCII is %-escaped."""
DEFAULT_PORTS = {"http": 80, "https": 443}


class Refused(Exception):
    """An answer that no probe accepts, in words: too many redirects, one to nowhere, or something that is not HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The last answer: its status, its body up to the limit as text, and where it came from after how many redirects."""

    status: int
    text: str
    is_whole: bool
    url: str
    redirects: int


def shown(url: str) -> str:
    """An address without its user, query and fragment, in which secrets may stand."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{_netloc(parts)}{parts.path}"


def get(url: str, accepted: Collection[int] | None, deadline: Deadline, phases: Phases) -> Answer:
    """GET `url`. A redirect is followed unless its status is among `accepted`.

    `phases` gets dns, connect, tls, first_byte and total, each added up over redirects. Raises Refused, OSError (ssl.SSLError is one),
    TimeoutError, Unreachable.
    """
    began = time.monotonic()
    for redirects in range(REDIRECTS + 1):
        status, location, body, is_whole = _exchange(urlsplit(url), deadline, phases)
        if status not in REDIRECTING or not location or (accepted is not None and status in accepted):
            phases.add("total", began, time.monotonic())
            return Answer(status, body, is_whole, shown(url), redirects)
        target = urljoin(url, location)
        if urlsplit(target).scheme not in DEFAULT_PORTS or not urlsplit(target).hostname:
            raise Refused(f"it redirects to {target.partition(':')[0]}:, which is no web address")
        url = target
    raise Refused(f"it redirects more than {REDIRECTS} times, at last to {shown(url)}")


def _exchange(parts: SplitResult, deadline: Deadline, phases: Phases) -> tuple[int, str | None, str, bool]:
    host, port = _ascii(str(parts.hostname)), parts.port or DEFAULT_PORTS[parts.scheme]
    line: socket.socket = connected(resolved(host, port, deadline, phases), deadline, phases)
    try:
        if parts.scheme == "https":
            line = secured(line, host, context(), deadline, phases)
        connection = http.client.HTTPConnection(host, port, timeout=deadline.left())
        connection.sock = line
        target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=SAFE)
        headers = {
            "Host": _netloc(parts),
            "User-Agent": AGENT,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        began = time.monotonic()
        try:
            connection.request("GET", target, headers=headers)
            with closing(connection.getresponse()) as answer:
                phases.add("first_byte", began, time.monotonic())
                body, is_whole = _body(answer, deadline)
        except http.client.HTTPException as error:
            if deadline.is_over:
                raise TimeoutError(f"not done within {deadline.seconds:g} s") from error
            raise Refused(_broken(error)) from error
        deadline.left()
        return answer.status, answer.getheader("Location"), body, is_whole
    except OSError as error:
        if deadline.is_over and not isinstance(error, TimeoutError):
            raise TimeoutError(f"not done within {deadline.seconds:g} s") from error
        raise
    finally:
        line.close()


def _body(answer: http.client.HTTPResponse, deadline: Deadline) -> tuple[str, bool]:
    """The body's first megabyte as text, and whether that is all of it."""
    unpack = zlib.decompressobj(wbits=47) if answer.getheader("Content-Encoding", "") in ("gzip", "x-gzip", "deflate") else None
    parts: list[bytes] = []
    size = 0
    while size < BODY_LIMIT:
        deadline.left()
        chunk = answer.read1(CHUNK)
        if not chunk:
            break
        if unpack is not None:
            try:
                chunk = unpack.decompress(chunk, BODY_LIMIT - size)
            except zlib.error as error:
                raise Refused(f"its body is not what its Content-Encoding says: {error}") from error
        parts.append(chunk[: BODY_LIMIT - size])
        size += len(parts[-1])
    is_whole = size < BODY_LIMIT
    # read1 takes the end of a connection for the end of the body; the length that was promised tells.
    if is_whole and answer.length:
        raise http.client.IncompleteRead(b"", answer.length)
    charset = answer.headers.get_content_charset() or "utf-8"
    try:
        return b"".join(parts).decode(charset, "replace"), is_whole
    except LookupError:
        return b"".join(parts).decode("utf-8", "replace"), is_whole


def _broken(error: http.client.HTTPException) -> str:
    match error:
        case http.client.RemoteDisconnected():
            return "it closed the connection without an answer"
        case http.client.IncompleteRead():
            return "its answer was cut off"
        case http.client.BadStatusLine():
            return "what answers does not speak HTTP"
    return f"its answer is not HTTP: {type(error).__name__}"


def _ascii(host: str) -> str:
    """A host name as it goes over the wire: müller.example is xn--mller-kva.example. Raises UnicodeError for what is no name."""
    return host if host.isascii() else host.encode("idna").decode("ascii")


def _netloc(parts: SplitResult) -> str:
    host = _ascii(str(parts.hostname or ""))
    host = f"[{host}]" if ":" in host else host
    return host if parts.port is None else f"{host}:{parts.port}"
