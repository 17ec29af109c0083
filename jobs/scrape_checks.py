"""The checks a scrape answers: whether the page was read, and whether its clock can be believed."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from collectors.prometheus.scrape import Scraped
from collectors.prometheus.scrape_target import ScrapeTarget
from collectors.prometheus.scrape_times import WORDS
from jobs.news import News
from warehouse import tables

WORDS_LIMIT = 1000


class Checks:
    """Which of a target's answers are news."""

    def __init__(self, target: ScrapeTarget) -> None:
        self._target = target
        self._said = News()

    def of(self, scraped: Scraped, at: datetime) -> pa.Table | None:
        """The checks of one scrape that are worth storing (schema tables.HEALTH); None if there are none."""
        answers = [self._read(scraped)]
        clock = f"clock of {self._target.name}"
        if scraped.kept_out:
            words = "; ".join(WORDS[reason].format(n=count) for reason, count in sorted(scraped.kept_out.items()))
            answers.append((clock, "warn", f"{words}: kept out"))
        elif clock in self._said and scraped.error is None and not scraped.unknown:
            answers.append((clock, "pass", "its times are believable again"))
        rows = [
            {
                "platform": self._target.platform,
                "component": self._target.component,
                "check_name": name,
                "observed_at": at,
                "status": status,
                "value": None,
                "unit": None,
                "words": words[:WORDS_LIMIT],
            }
            for name, status, words in answers
            if self._is_news(name, status, at)
        ]
        if not scraped.kept_out and scraped.error is None and not scraped.unknown:
            self._said.drop(clock)
        return pa.Table.from_pylist(rows, schema=tables.HEALTH) if rows else None

    def forget(self) -> None:
        """What was said last did not get through."""
        self._said.forget()

    def _read(self, scraped: Scraped) -> tuple[str, str, str]:
        name = f"reads {self._target.name}"
        if scraped.unknown:
            return name, "unknown", scraped.unknown
        if scraped.error is not None:
            return name, "fail", str(scraped.error)
        return name, "pass", f"{scraped.sample_count:,} samples"

    def _is_news(self, name: str, status: str, at: datetime) -> bool:
        # Failing minutes are counted from what is stored, so a failure is stored every time.
        return self._said.is_news(name, status, at, always=status == "fail")
