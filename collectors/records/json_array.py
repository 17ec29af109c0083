"""A body that is one JSON array; a broken one is refused with the byte and the record where it breaks."""

from __future__ import annotations

import json
from typing import Any

import orjson

from roomleft.errors import InputError

BETWEEN = " \t\r\n,"


def is_array(data: bytes) -> bool:
    """Whether the body begins as an array; otherwise it is read line by line."""
    return data.lstrip()[:1] == b"["


def read_array(data: bytes) -> list[Any]:
    """The array's elements. Raises InputError naming the byte and the record at which it stops being JSON."""
    try:
        return list(orjson.loads(data))
    except orjson.JSONDecodeError as error:
        text = data.decode("utf-8", "replace")
        byte = len(text[: error.pos].encode())
        record = _record_at(text, error.pos)
        raise InputError(
            f"the JSON array breaks in record {record}: {error.msg}",
            f"body: record {record}, byte {byte:,}",
            "nothing of it was stored; mend it, or send one record per line: then a bad one costs only itself",
        ) from None


def _record_at(text: str, position: int) -> int:
    """The 1-based number of the element in which `position` lies."""
    decoder = json.JSONDecoder()
    at, record = text.find("[") + 1, 1
    while True:
        while at < len(text) and text[at] in BETWEEN:
            at += 1
        try:
            _, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return record
        if end > position:
            return record
        at, record = end, record + 1
