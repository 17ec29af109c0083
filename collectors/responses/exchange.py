"""What was kept of one call: the provider's answer, and what is known of the request. Any of the usual ways of recording one is understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from collectors.records.fields import Refusal, shown

ENVELOPE = ("body", "response_body")
CHUNKS = ("chunks", "events", "stream")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call. `answer` is the body: an object, a list of a stream's events, or its text; None when it was empty or is not JSON.

    `headers` are the answer's, in lower case. `status` is the HTTP status, None when it was not recorded. `batch` says that the answer came
    out of a batch, which has prices of its own.
    """

    answer: Any
    request: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    uri: str = ""
    status: int | None = None
    batch: bool = False


def exchange_of(value: object) -> Exchange:
    """The call that `value` records: a body, `{"body"}`, a request with its response, a batch's line, a list of events, or a text.

    Raises Refusal when it is nothing of that.
    """
    if isinstance(value, str | list):
        return Exchange(_answer(value))
    if not isinstance(value, Mapping):
        raise Refusal(None, f"a response is a JSON object, a list of events or a text, not {shown(value)}")
    response = value.get("response")
    if isinstance(response, Mapping) and ("request" in value or not {"body", "content", "headers"}.isdisjoint(response)):
        return _two_sided(value, response)
    result = value.get("result")
    if "custom_id" in value and isinstance(result, Mapping):
        answer = result.get("message") or result.get("error") or {"error": {"type": result.get("type")}}
        return Exchange(answer, batch=True)
    for key in ENVELOPE:
        if key in value:
            return _one_sided(value, value[key])
    for key in CHUNKS:
        if isinstance(value.get(key), str | list):
            return _one_sided(value, value[key])
    return Exchange(value)


def _one_sided(value: Mapping[str, Any], body: object) -> Exchange:
    request = value.get("request")
    asked = request if isinstance(request, Mapping) else {}
    return Exchange(
        _answer(body),
        _object(value.get("request_body") or asked.get("body") or asked),
        _headers(value.get("response_headers") or value.get("headers")),
        _text(value.get("uri") or value.get("url") or asked.get("uri") or asked.get("url")),
        _status(value.get("status", value.get("status_code"))),
    )


def _two_sided(value: Mapping[str, Any], response: Mapping[str, Any]) -> Exchange:
    request = value.get("request")
    asked = request if isinstance(request, Mapping) else {}
    body = response.get("body", response.get("content"))
    if isinstance(body, Mapping) and ("string" in body or "text" in body) and len(body) <= 4:
        body = body.get("string", body.get("text"))
    sent = asked.get("body", asked.get("postData"))
    if isinstance(sent, Mapping) and "text" in sent and "mimeType" in sent:
        sent = sent["text"]
    status = response.get("status", response.get("status_code"))
    return Exchange(
        _answer(body),
        _object(sent),
        _headers(response.get("headers")),
        _text(asked.get("uri") or asked.get("url") or value.get("uri")),
        _status(status.get("code") if isinstance(status, Mapping) else status),
        batch="custom_id" in value,
    )


def _answer(body: object) -> Any:
    """A body's JSON; a text that is not one document stays a text, to be read as a stream."""
    if not isinstance(body, str):
        return body
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body or None


def _object(body: object) -> Mapping[str, Any]:
    read = _answer(body)
    return read if isinstance(read, Mapping) else {}


def _headers(headers: object) -> dict[str, str]:
    """Names in lower case. A recorder keeps a header's values as a list, or its headers as a list of names and values."""
    if isinstance(headers, list):
        headers = {item["name"]: item.get("value") for item in headers if isinstance(item, Mapping) and "name" in item}
    if not isinstance(headers, Mapping):
        return {}
    return {str(name).lower(): str(value[0] if isinstance(value, list) and value else value) for name, value in headers.items()}


def _status(status: object) -> int | None:
    if isinstance(status, bool) or not isinstance(status, int | str):
        return None
    return int(status) if str(status).isdigit() else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
