"""What every provider's report comes down to: entries of a bucket of time, told by the same names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

from collectors.fetch import Fetcher
from roomleft.errors import CollectError

MOST_PAGES = 500
ID_LENGTH = 24


@dataclass(frozen=True)
class Entry:
    """One result of a report's bucket [start, end). `dims` tell it apart within the bucket; `counts` are quantities as the platform API names
    them (`input_tokens` is the total), `other_units` parts and things counted; `cost` is what it cost, in `currency`, `quantity` of `unit`."""

    start: datetime
    end: datetime
    dims: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    other_units: Mapping[str, float] = field(default_factory=dict)
    audio_seconds: float = 0
    requests: int | None = None
    cost: Decimal | None = None
    currency: str = "USD"
    quantity: Decimal | None = None
    unit: str | None = None
    unit_price: Decimal | None = None
    words: str = ""

    @property
    def key(self) -> str:
        """What tells it apart within its report, the same at every reading."""
        return "|".join(f"{name}={value}" for name, value in sorted(self.dims.items()))

    @property
    def id(self) -> str:
        """A short form of the key."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:ID_LENGTH]


class Report(Protocol):
    """One report of a provider."""

    @property
    def name(self) -> str:
        """Its name among the provider's reports; part of a charge's source."""

    @property
    def billed(self) -> bool:
        """Whether it tells costs rather than use."""

    def read(self, fetcher: Fetcher, since: datetime, until: datetime, hourly: bool) -> list[Entry]:
        """All entries of [since, until), every page of them. Raises CollectError."""


def hashed(key_id: str | None) -> str:
    """An API key's id as it is kept; '' for none."""
    return hashlib.sha256(key_id.encode()).hexdigest()[:32] if key_id else ""


def amount(value: object, where: str) -> Decimal:
    """A number or decimal string of a report, every digit kept."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise CollectError(f"an amount is {str(value)[:40]!r}", where, "the report's form has changed", retryable=False)
    try:
        found = Decimal(value)
    except InvalidOperation:
        raise CollectError(f"an amount is {str(value)[:40]!r}", where, "the report's form has changed", retryable=False) from None
    if not found.is_finite():
        raise CollectError(f"an amount is {found}", where, "the report's form has changed", retryable=False)
    return found


def count(result: Mapping[str, Any], name: str, where: str) -> int:
    """A whole number of a result, 0 where it is not told."""
    value = result.get(name)
    if value is None:
        return 0
    if isinstance(value, Decimal) and value == value.to_integral_value():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise CollectError(f"{name} is {str(value)[:40]!r}, not a count", where, "the report's form has changed", retryable=False)
    return value


def told(result: Mapping[str, Any], *names: str) -> dict[str, str]:
    """The named dimensions that a result tells."""
    return {name: str(result[name])[:200] for name in names if result.get(name) not in (None, "")}


def pages(
    fetcher: Fetcher, path: str, params: Sequence[tuple[str, str]], token_name: str = "page"
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each (bucket, result) of every page of a report that is read with GET. Raises CollectError, also for pages that go in a circle."""
    found: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
    token: str | None = None
    seen: set[str] = set()
    for _ in range(MOST_PAGES):
        answer = fetcher.exact(path, [*params, *([(token_name, token)] if token else [])])
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(answer, dict) or not isinstance(data, list):
            raise CollectError("the answer holds no list of buckets", path, "is this the provider's address?", retryable=False)
        for bucket in data:
            # OpenAI's description and its answers name the list differently.
            results = bucket.get("results", bucket.get("result")) if isinstance(bucket, dict) else None
            if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
                raise CollectError("a bucket holds no list of results", path, "the report's form has changed", retryable=False)
            found.extend((bucket, result) for result in results)
        token = answer.get("next_page")
        if not answer.get("has_more") or not token:
            return found
        if token in seen:
            raise CollectError("its pages go in a circle", path, "try again later; nothing of it was stored")
        seen.add(token)
    raise CollectError(f"more than {MOST_PAGES} pages", path, "read shorter spans", retryable=False)
