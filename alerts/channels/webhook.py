"""A JSON POST to any address, signed, with an idempotency key that stays the same at every attempt."""

from __future__ import annotations

import hmac
from hashlib import sha256

import orjson

from alerts.channels.answer import Answer, Means
from alerts.channels.posting import post
from alerts.notice import Notice
from alerts.notice_json import notice_document
from roomleft.alerting import WebhookChannel

VERSION = 1


def send(notice: Notice, channel: WebhookChannel, means: Means) -> Answer:
    """POST the notice. Any 2xx is delivered."""
    url = channel.url or means.variables.need(channel.url_env or "")
    body = orjson.dumps({"version": VERSION, **notice_document(notice)})
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": notice.notice_id,
        "Roomleft-Event": notice.kind.value,
    }
    if channel.secret_env:
        headers["Roomleft-Signature"] = signature(means.variables.need(channel.secret_env), int(means.now.timestamp()), body)
    return post(url, body, headers, timeout_s=means.timeout_s, now=means.now)


def signature(secret: str, at_s: int, body: bytes) -> str:
    """`t=1763733600,v1=…`: the HMAC-SHA256, in hexadecimal, of the time, a point and the body."""
    digest = hmac.new(secret.encode(), f"{at_s}.".encode() + body, sha256).hexdigest()
    return f"t={at_s},v1={digest}"
