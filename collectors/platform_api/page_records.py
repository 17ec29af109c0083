"""The records of a page, taken out of its body as lines without parsing them: only a page that is unusual costs an object a record."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, overload

import orjson

OPENS = re.compile(rb'"records"\s*:\s*\[\s*(?=\{)')
BETWEEN = re.compile(rb"\}\s*,\s*\{")


class Records(Sequence[Any]):
    """A page's records in order. `lines` holds the same as NDJSON, or None where only parsing tells where one ends."""

    def __init__(self, body: bytes, lines: bytes | None, count: int, parsed: list[Any] | None = None) -> None:
        self._body = body
        self.lines = lines
        self._count = count
        self._parsed = parsed

    def parsed(self) -> list[Any]:
        """Every record as JSON gives it."""
        if self._parsed is None:
            self._parsed = orjson.loads(self._body)["records"]
            self._count = len(self._parsed)
        return self._parsed

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Any]:
        return iter(self.parsed())

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self.parsed()[index]


def taken_apart(body: bytes) -> tuple[dict[str, Any], Records] | None:
    """A page's fields without its records, and the records; None when the body is not plainly an object that ends with them.

    Objects are told apart by what stands between two of them. Where that happens to stand inside a text or a nested list instead, a line is
    not a JSON object, whoever reads the lines refuses them, and the records are parsed: so nothing is ever cut wrongly.
    """
    opened = OPENS.search(body)
    if opened is None:
        return None
    end = body.rstrip()
    if not end.endswith(b"}"):
        return None
    end = end[:-1].rstrip()
    if not end.endswith(b"]"):
        return None
    inside = body[opened.end() : len(end) - 1].rstrip()
    try:
        head = orjson.loads(body[: opened.end()] + b"]}")
    except orjson.JSONDecodeError:
        return None
    if not isinstance(head, dict) or not head.keys() >= {"after", "next", "more"} or b"\n" in inside or not inside.endswith(b"}"):
        return None
    lines = inside.replace(b"},{", b"}\n{") if b"},{" in inside else BETWEEN.sub(b"}\n{", inside)
    return head, Records(body, lines, lines.count(b"\n") + 1)
