"""One look at a page, outside the loop: for a person, or to find out what there is to watch."""

from __future__ import annotations

import asyncio

from collectors.prometheus.exposition import Format, Page, PageRefused, Reader
from collectors.prometheus.scrape_fetch import Fetched, fetch, scrape_client
from collectors.prometheus.scrape_target import ScrapeTarget
from roomleft.errors import CollectError


def scrape_once(target: ScrapeTarget, forced: Format | None = None) -> Page:
    """The target's page, fetched and read as the loop would. Raises CollectError. Not to be called on an event loop's thread."""
    answer = asyncio.run(_fetched(target, forced))
    try:
        return Reader(target.max_series).read(answer.body, answer.format)
    except PageRefused as refused:
        place = f"{refused.where}: " if refused.line else ""
        raise CollectError(f"{place}{refused.reason}", target.where, refused.hint, retryable=False) from refused


async def _fetched(target: ScrapeTarget, forced: Format | None) -> Fetched:
    async with scrape_client() as client:
        return await fetch(client, target, target.timeout.total_seconds(), forced)
