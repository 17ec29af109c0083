"""Reading exposition pages: the Prometheus text format (0.0.4, and 1.0.0 with its quoted names) and OpenMetrics 1.0.

`Reader` reads one target's pages, `Page` is what one says, `PageRefused` why it is not taken. A page is taken whole or not at all: half a page
would look like series that ended.
"""

from __future__ import annotations

from collectors.prometheus.exposition.content_type import Format, format_of
from collectors.prometheus.exposition.page import Family, Page, Series, Structure, TooManySeries
from collectors.prometheus.exposition.reader import Reader, read_page
from collectors.prometheus.exposition.refusal import PageRefused

__all__ = ["Family", "Format", "Page", "PageRefused", "Reader", "Series", "Structure", "TooManySeries", "format_of", "read_page"]
