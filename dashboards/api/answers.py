"""How answers leave over HTTP: one JSON form for rows, one for errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson
from fastapi import Response

from roomleft import errors
from roomleft.wording import size_words


def plain(value: Any) -> Any:
    """Values orjson does not know: money and other decimals become strings, so that nobody's float loses a cent; bytes are told by their number."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    if isinstance(value, bytes):
        return size_words(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def dumps(value: Any) -> bytes:
    """Bytes of JSON: UTC instants end in Z, NaN and infinities become null."""
    return orjson.dumps(value, default=plain, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response."""
    return Response(dumps(value), status, dict(headers or {}), "application/json")


STATUS: Sequence[tuple[type[errors.RoomleftError], int]] = (
    (errors.TooLarge, 413),
    (errors.QueryRefused, 400),
    (errors.InputError, 422),
    (errors.QueueFull, 429),
    (errors.QueryTimeout, 504),
    (errors.DiskFull, 507),
    (errors.StoreError, 503),
    (errors.RoomleftError, 500),
)
"""Which HTTP status an error answers with; the first that fits counts."""


def error_answer(error: errors.RoomleftError, **more: Any) -> Response:
    """The one shape of every error: `{"error": {"what", "where", "hint"}}`, with Retry-After where waiting helps."""
    status = error.status if isinstance(error, errors.Refused) else next(code for kind, code in STATUS if isinstance(error, kind))
    headers = {}
    if isinstance(error, errors.QueueFull):
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    return answer({"error": error.as_dict(), **more}, status, headers)
