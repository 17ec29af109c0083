"""A LiteLLM proxy's spend logs over HTTP: `/spend/logs/v2` a page at a time; where there is none, `/spend/logs` a day at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from collectors.fetch import Fetcher, Patience
from collectors.litellm.calls import started_at
from collectors.litellm.sweep import Place, next_page, place_of, taken_of
from collectors.taken import Position, Taken
from roomleft.errors import CollectError
from roomleft.packs import Pack
from roomleft.packs_sources import LitellmSource
from warehouse import tables

PAGED, WHOLE = "/spend/logs/v2", "/spend/logs"
PAGE_ROWS = 1000
OLD_PAGE_ROWS = 100
"""What releases before 1.80 give at most."""
WHOLE_ROWS = 10_000
"""`/spend/logs` gives no more than so many of a day's newest calls."""
DAY = timedelta(days=1)
Rows = Sequence[Mapping[str, Any]]


class LitellmHttp:
    """Reads the spend logs of one proxy, oldest first, with a key that may see everyone's."""

    kind = "litellm"

    def __init__(self, pack: Pack, entry: LitellmSource, secret: str | None) -> None:
        self.platform, self.component = pack.slug, entry.component
        self.source = f"{pack.slug}.{entry.name}"
        self.interval = entry.interval
        self._pack, self._entry = pack, entry
        self._page_rows = PAGE_ROWS
        self._paged = True
        timeout_s = entry.timeout.total_seconds()
        patience = Patience(
            connect_timeout_s=min(5.0, timeout_s), read_timeout_s=timeout_s, total_timeout_s=timeout_s, attempts=1
        )
        self._fetcher = Fetcher(entry.url, secret or "", patience)

    def take(self, now: datetime, position: Position | None) -> Taken:
        """Read one page, or one day, and say how far that came."""
        place = place_of(position, now, back_fill=self._entry.back_fill, overlap=self._entry.overlap)
        try:
            rows, ahead, refused = self._read(place)
        except CollectError as error:
            return Taken(error=error)
        finally:
            self._fetcher.rest()
        return taken_of(
            rows, ahead or place, position, pack=self._pack, source=self.source, now=now, more=ahead is not None, refused=refused
        )

    def _read(self, place: Place) -> tuple[Rows, Place | None, pa.Table | None]:
        """The rows at a place, the place after them (None: there is no more), and what could not be read."""
        if self._paged:
            try:
                rows, ahead = self._page(place)
                return rows, ahead, None
            except CollectError as error:
                if error.what.startswith("answered 422") and self._page_rows > OLD_PAGE_ROWS:
                    self._page_rows = OLD_PAGE_ROWS
                    rows, ahead = self._page(place)
                    return rows, ahead, None
                if not error.what.startswith("answered 404"):
                    raise
                self._paged = False
        return self._day(place)

    def _page(self, place: Place) -> tuple[Rows, Place | None]:
        answer = self._fetcher.get(
            PAGED,
            {
                "start_date": f"{place.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
                "end_date": f"{place.until.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
                "page": str(place.page),
                "page_size": str(self._page_rows),
                "sort_by": "startTime",
                "sort_order": "asc",
            },
        )
        rows = self._rows(answer.get("data"), PAGED)
        times = [at for row in rows if (at := started_at(row)) is not None]
        return rows, next_page(place, times) if len(rows) >= self._page_rows and times else None

    def _day(self, place: Place) -> tuple[Rows, Place | None, pa.Table | None]:
        day = place.at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        end = day + DAY
        answer = self._fetcher.get_json(
            WHOLE, {"start_date": f"{day:%Y-%m-%d}", "end_date": f"{end:%Y-%m-%d}", "summarize": "false"}
        )
        rows = [row for row in self._rows(answer, WHOLE) if (at := started_at(row)) is None or at >= place.at]
        refused = None
        if len(rows) >= WHOLE_ROWS:
            words = (
                f"{day:%Y-%m-%d} has more than {WHOLE_ROWS:,} calls, and this proxy gives no more of a day: its older calls are not read; "
                "a newer LiteLLM has pages, or read its database with a source of kind litellm-postgres"
            )
            told = {"source": self.source, "stream": "usage", "reason": words, "event_id": f"{day:%Y-%m-%d}"}
            refused = pa.Table.from_pylist([told], schema=tables.REJECTED)
        return rows, replace(place, at=end) if end < place.until - DAY / 144 else None, refused

    def _rows(self, found: object, path: str) -> Rows:
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise CollectError(
                "the answer holds no list of spend logs",
                f"{self._entry.url.rstrip('/')}{path}",
                "is this a LiteLLM proxy, and may the key see all spend?",
                retryable=False,
            )
        return found
