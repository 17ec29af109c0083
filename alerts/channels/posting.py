"""One POST with an end: connect, send and read within one deadline, redirects not followed, and what came of it as an Answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpcore
import httpx

from alerts.channels.answer import Answer, Outcome
from roomleft import __version__
from roomleft.deadline import Deadline, DeadlineTransport

WORTH_ANOTHER = frozenset({408, 425, 429})
"""Besides every 5xx."""
LARGEST_ANSWER_BYTES = 64 * 1024
LONGEST_WAIT_S = 86400.0
BEFORE_SENDING = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout, httpcore.UnsupportedProtocol)


def post(url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, now: datetime) -> Answer:
    """POST a body. 2xx is delivered; 408, 425, 429 and 5xx are worth another attempt, other statuses are not."""
    return request("POST", url, body, headers, timeout_s=timeout_s, now=now)


def request(method: str, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, now: datetime) -> Answer:
    """`post`, by any method."""
    deadline = Deadline()
    deadline.start(timeout_s)
    sent = {"User-Agent": f"roomleft/{__version__}", "Accept-Encoding": "identity", **headers}
    try:
        with httpx.Client(transport=DeadlineTransport(deadline), timeout=timeout_s, trust_env=False) as client:
            with client.stream(method, url, content=body, headers=sent) as answer:
                said = _said(answer)
                return _judged(answer.status_code, said, answer.headers, now)
    except BEFORE_SENDING as error:
        return Answer(Outcome.RETRY, reason=f"it cannot be reached: {error or type(error).__name__}")
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
        return Answer(Outcome.REFUSED, reason=f"its address is not one: {type(error).__name__}")
    except (httpcore.TimeoutException, httpx.TimeoutException):
        return Answer(Outcome.UNKNOWN, reason=f"no answer within {timeout_s:g} s: it may have been taken")
    except (httpcore.NetworkError, httpcore.ProtocolError, httpx.HTTPError, OSError) as error:
        return Answer(Outcome.UNKNOWN, reason=f"the connection broke ({type(error).__name__}): it may have been taken")


def _judged(status: int, said: str, headers: httpx.Headers, now: datetime) -> Answer:
    code = str(status)
    if 200 <= status < 300:
        return Answer(Outcome.DELIVERED, code, said)
    if status in WORTH_ANOTHER or status >= 500:
        wait_s = retry_after(headers.get("retry-after"), now) if status in (429, 503) else None
        return Answer(Outcome.RETRY, code, said, f"it answered {status}", wait_s)
    if 300 <= status < 400:
        return Answer(
            Outcome.REFUSED, code, said, f"it answered {status}, a redirect, which is not followed: give the final address"
        )
    return Answer(Outcome.REFUSED, code, said, f"it answered {status}")


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds to wait, of seconds or an HTTP date, at most a day; None when the header says nothing usable."""
    if header is None:
        return None
    if header.strip().isdigit():
        return min(float(header.strip()), LONGEST_WAIT_S)
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    return min(max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()), LONGEST_WAIT_S)


def _said(answer: httpx.Response) -> str:
    raw = bytearray()
    try:
        for chunk in answer.iter_raw():
            raw += chunk
            if len(raw) >= LARGEST_ANSWER_BYTES:
                break
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpx.HTTPError):
        pass  # its status has come, which is what counts
    return raw.decode("utf-8", "replace")
