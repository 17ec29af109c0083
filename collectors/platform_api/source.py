"""A platform read through the platform API (docs/platform-api.md): one method per stream, each answer checked before it is believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import orjson

from collectors.fetch import Fetcher, Patience
from collectors.platform_api.page_records import Records
from collectors.records.refused import Normalised
from collectors.records.samples_rows import samples_table
from collectors.records.small_rows import business_table, deploys_table, health_table, live_health
from collectors.records.usage_rows import usage_table
from roomleft.errors import CollectError, InputError
from roomleft.timespan import parse_instant

PAGED = {"usage": "/usage", "samples": "/samples", "health-history": "/health-history", "deploys": "/deploys"}
"""Streams read page by page with a cursor, and their paths."""
STREAMS = (*PAGED, "business", "health")
BIGGEST_PAGE = 10_000
LONGEST_BUSINESS_DAYS = 366


@dataclass(frozen=True)
class SourceConfig:
    """Where one platform is read, and with which patience. `source` scopes its ids; by default it is the platform's slug."""

    platform: str
    url: str
    token: str = field(repr=False)
    source: str = ""
    page_size: int = BIGGEST_PAGE
    patience: Patience = field(default_factory=Patience)

    @property
    def name(self) -> str:
        return self.source or self.platform


@dataclass(frozen=True)
class Page:
    """A checked page of a stream. `next` is the cursor after it; times are those of the stream's first and newest record.

    `ranged`: the platform knows ranges of commit times (it echoed the one it was asked for).
    """

    records: Records
    next: str
    more: bool
    oldest_at: datetime | None
    newest_at: datetime | None
    ranged: bool = False

    @property
    def count(self) -> int:
        return len(self.records)


class PlatformApi:
    """One platform's client. Used by one thread at a time; `now` is passed to each call that judges times."""

    def __init__(self, config: SourceConfig, fetcher: Fetcher | None = None) -> None:
        self.config = config
        self._fetcher = fetcher or Fetcher(config.url, config.token, config.patience)
        self.told_at: datetime | None = None
        """What time it was by the platform's own clock when it last answered `health`; None if it does not tell."""

    def rest(self) -> None:
        """Let the connections go until the next read."""
        self._fetcher.rest()

    def close(self) -> None:
        self._fetcher.close()

    def read_stream(
        self,
        stream: str,
        position: str | None,
        limit: int | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Page:
        """The page after `position` (None or "": from the beginning), of what was committed in [since, until) where those are given.

        Raises CollectError, also when the page contradicts itself.
        """
        limit = limit or self.config.page_size
        path = PAGED[stream]
        edges = {name: at for name, at in (("since", since), ("until", until)) if at is not None}
        asked = {"limit": str(limit)} | ({"after": position} if position else {})
        asked |= {name: at.isoformat().replace("+00:00", "Z") for name, at in edges.items()}
        try:
            answer, records = self._fetcher.get_page(path, asked)
        except CollectError as error:
            if error.what.startswith("answered 410"):
                raise CollectError(
                    f"{self.config.platform} no longer knows how far its {stream} had been read",
                    error.where,
                    f"if the platform was rebuilt, read it again from the beginning: bin/roomleft start-over {self.config.platform} {stream} "
                    "(what is stored already is not doubled)",
                    retryable=False,
                ) from error
            raise
        return _page(answer, records, position or None, limit, edges, self.config.url.rstrip("/") + path)

    def normalised(self, stream: str, records: Sequence[Any], now: datetime) -> Normalised:
        """A page's records, judged. Raises CollectError when they are not JSON after all."""
        try:
            return self._judged(stream, records, now)
        except orjson.JSONDecodeError as error:
            raise CollectError(
                f"the body is not JSON: {error}", self._where(PAGED[stream]), "the answer was cut short or damaged"
            ) from error

    def _judged(self, stream: str, records: Sequence[Any], now: datetime) -> Normalised:
        who: dict[str, Any] = {"source": self.config.name, "platform": self.config.platform, "now": now}
        if stream == "usage":
            return usage_table(records, known_platforms={self.config.platform}, **who)
        if stream == "samples":
            return samples_table(records, known_platforms={self.config.platform}, **who)
        return {"health-history": health_table, "deploys": deploys_table}[stream](records, **who)

    def business(self, first: date, until: date, now: datetime) -> Normalised:
        """Business days in [first, until), at most 366 of them."""
        answer = self._fetcher.get("/business", {"from": first.isoformat(), "to": until.isoformat()})
        records = answer.get("records")
        if not isinstance(records, list):
            raise CollectError(
                "the answer has no list of records", self._where("/business"), "is this the platform API?", retryable=False
            )
        platform = self.config.platform
        return business_table(records, source=self.config.name, platform=platform, known_platforms={platform}, now=now)

    def health(self, now: datetime) -> Normalised:
        """What the platform says of its health at this moment; 503 is an answer too."""
        answer = self._fetcher.get("/health", also_good=(503,))
        if not isinstance(answer.get("status"), str):
            raise CollectError("the answer has no status", self._where("/health"), "expected application/health+json")
        self.told_at = _told(answer.get("time"))
        return live_health(answer, source=self.config.name, platform=self.config.platform, now=now)

    def _where(self, path: str) -> str:
        return self.config.url.rstrip("/") + path


def _page(
    answer: Mapping[str, object],
    records: Records | None,
    position: str | None,
    limit: int,
    edges: Mapping[str, datetime],
    where: str,
) -> Page:
    def wrong(what: str) -> CollectError:
        return CollectError(what, where, "nothing of this page was stored; the source breaks the paging contract")

    following, more = answer.get("next"), answer.get("more")
    if records is None or not isinstance(more, bool) or "after" not in answer:
        raise wrong("the answer is not a page (after, next, more, records)")
    if (answer["after"] or None) != position:
        raise wrong(f"asked for the page after {_cut(position)}, got the one after {_cut(answer['after'])}")
    if not records and following is None and position is None:
        following = ""
    if not isinstance(following, str):
        raise wrong("the page's next cursor is not a string")
    if len(records) > limit and len(records.parsed()) > limit:
        raise wrong(f"asked for {limit:,} records, got {len(records):,}")
    if records and following == (position or ""):
        raise wrong("the page holds records but its cursor does not move")
    if not records and following != (position or ""):
        raise wrong("the page is empty but its cursor moves")
    if more and not records:
        raise wrong("the page is empty but says that more follow")
    ranged = bool(edges) and edges.keys() <= answer.keys()
    for name, at in edges.items():
        if ranged and _time(answer, name, wrong) != at:
            raise wrong(f"asked for what was committed {name} {at.isoformat()}, got {name} {_cut(answer[name])}")
    return Page(records, following, more, _time(answer, "oldest_at", wrong), _time(answer, "newest_at", wrong), ranged)


def _time(answer: Mapping[str, object], name: str, wrong: Any) -> datetime | None:
    value = answer.get(name)
    if value is None:
        return None
    try:
        return parse_instant(str(value))
    except InputError as error:
        raise wrong(f"{name}: {error.what}") from None


def _told(time: object) -> datetime | None:
    """A health document's time; None where it has none or what it has is no time, which its checks are then refused for."""
    try:
        return parse_instant(time) if isinstance(time, str) else None
    except InputError:
        return None


def _cut(cursor: object) -> str:
    return "the beginning" if not cursor else repr(str(cursor)[:60])
