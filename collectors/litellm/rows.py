"""Logged calls into the warehouse's usage rows, by the one door. What is no call is refused with its reason; the others go on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa

from collectors.litellm.calls import record_of
from collectors.records.fields import Refusal
from collectors.records.refused import Normalised, RefusedRows
from collectors.records.usage_fields import NAMED
from collectors.records.usage_rows import usage_table
from roomleft.errors import InputError
from roomleft.packs import Pack

Reader = Callable[[Mapping[str, Any], Collection[str]], dict[str, Any]]


@dataclass(frozen=True)
class Bad:
    """A line of a body that is no JSON, in the place of what it should have held."""

    why: str


def calls_of(body: bytes) -> Sequence[object]:
    """The calls of a webhook's body: a JSON array, one object, or one object a line. Raises InputError for an empty body."""
    if not body.strip():
        raise InputError("the body is empty", "body", "LiteLLM's generic_api callback sends a JSON array, NDJSON or one object")
    try:
        whole = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if body.lstrip()[:1] == b"[":
            raise InputError(f"the JSON array is broken: {error}", "body", "nothing of it was stored; send it whole") from None
        return [_line(line) for line in body.split(b"\n") if line.strip()]
    return whole if isinstance(whole, list) else [whole]


def calls_table(
    calls: Sequence[object],
    *,
    source: str,
    platform: str | None,
    known_platforms: Collection[str],
    now: datetime,
    packs: Mapping[str, Pack],
    read: Reader = record_of,
) -> Normalised:
    """Logged calls as `tables.USAGE` and `tables.REJECTED`; `line` is the 1-based place of a call.

    `platform` is the platform all calls are of; None: a tag `platform:SLUG` of each says so.
    """
    refused = RefusedRows(source, "usage", now, NAMED)
    priced = {slug: frozenset(group.provider for group in pack.prices) for slug, pack in packs.items()}
    records: list[dict[str, Any]] = []
    lines: list[int] = []
    for line, call in enumerate(calls, start=1):
        try:
            if not isinstance(call, Mapping):
                raise Refusal(
                    None, call.why if isinstance(call, Bad) else f"a call is a JSON object, not a {type(call).__name__}"
                )
            whose = platform or _tagged(call)
            record = read(call, priced.get(whose or "", frozenset()))
            records.append({**record, "platform": whose} if whose else record)
            lines.append(line)
        except Refusal as refusal:
            refused.add(refusal, line, call)
    judged = usage_table(records, source=source, platform=platform, known_platforms=known_platforms, now=now)
    places = judged.rejected.column("line").combine_chunks()
    if len(places):
        told = pa.array(lines, pa.int64()).take(pa.array([place - 1 for place in places.to_pylist()]))
        at = judged.rejected.schema.get_field_index("line")
        judged = Normalised(judged.rows, judged.rejected.set_column(at, judged.rejected.schema.field(at), told))
    return Normalised(judged.rows, pa.concat_tables([refused.table(), judged.rejected]))


def _line(line: bytes) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return Bad(f"the line is not JSON: {error}")


def _tagged(call: Mapping[str, Any]) -> str | None:
    """The platform that a tag names."""
    tags = call.get("request_tags")
    for tag in tags if isinstance(tags, list) else ():
        if isinstance(tag, str) and tag.startswith("platform:"):
            return tag.removeprefix("platform:").strip() or None
    return None
