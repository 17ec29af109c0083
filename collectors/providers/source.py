"""A provider's own reports as a source: what it says was used, and what it bills. One look reads one report over a week.

Reports are revised for some days. Each look over recent days replaces what stands of them in `charges`, day by day, as a whole. A usage row
cannot be changed, so only buckets that ended long enough ago become usage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType, ModuleType

import orjson

from collectors.fetch import Fetcher, Patience
from collectors.providers import anthropic_reports, elevenlabs_reports, openai_reports
from collectors.providers.entries import Entry, Report
from collectors.providers.lines import bill, records
from collectors.records.refused import Normalised
from collectors.records.usage_rows import usage_table
from collectors.taken import Position, Taken
from roomleft.errors import CollectError
from roomleft.packs_sources import AnthropicUsageSource, ElevenlabsUsageSource, OpenaiUsageSource

Provided = OpenaiUsageSource | AnthropicUsageSource | ElevenlabsUsageSource
PROVIDERS: Mapping[str, ModuleType] = MappingProxyType(
    {"openai-usage": openai_reports, "anthropic-usage": anthropic_reports, "elevenlabs-usage": elevenlabs_reports}
)
WINDOW = timedelta(days=7)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Place:
    """Where a sweep stands: the report `step` of the week from `at` is next. `begun`: when the sweep began."""

    at: datetime
    step: int
    begun: datetime

    def text(self) -> str:
        """As a cursor's position."""
        return orjson.dumps({"at": self.at, "step": self.step, "begun": self.begun}).decode()


class ProviderReports:
    """Reads the reports of one organisation."""

    def __init__(self, platform: str, entry: Provided, secret: str | None) -> None:
        self.platform, self.component, self.kind = platform, entry.component, str(entry.kind)
        self.source = f"{platform}.{entry.name}"
        self.interval = entry.interval
        self._entry = entry
        self._provider = PROVIDERS[entry.kind]
        self._reports: Sequence[Report] = self._provider.REPORTS
        self.counts_usage = entry.counts == "usage"
        timeout_s = entry.timeout.total_seconds()
        patience = Patience(
            connect_timeout_s=min(5.0, timeout_s), read_timeout_s=timeout_s, total_timeout_s=timeout_s, attempts=1
        )
        self._fetcher = Fetcher(entry.url, "", patience, headers=self._provider.headers(secret) if secret else None)

    def take(self, now: datetime, position: Position | None) -> Taken:
        """Read one report over one week, every page of it, and say how far that came. Nothing is kept of a report that breaks off."""
        place = self._place(position, now)
        report = self._reports[place.step]
        until = min(place.at + WINDOW, _day(now) + DAY)
        try:
            entries = report.read(self._fetcher, place.at, until, self.counts_usage)
        except CollectError as error:
            return Taken(error=error)
        finally:
            self._fetcher.rest()
        days = [(place.at + DAY * number).date() for number in range((until - place.at) // DAY)]
        kept = [entry for entry in entries if place.at <= entry.start < until]
        charges = bill(
            kept, days, source=f"{self.source}:{report.name}", platform=self.platform, provider=self._provider.PROVIDER
        )
        judged = None if report.billed or not self.counts_usage else self._usage(report, kept, now)
        ahead, more = self._ahead(place, until, now)
        oldest = position.oldest_at if position and position.oldest_at else place.at
        settled = now - self._entry.settled_after
        return Taken(
            usage=judged.rows if judged else None,
            rejected=judged.rejected if judged else None,
            bills=(charges,),
            position=Position(ahead.text(), min(ahead.at, settled) if more else settled, oldest, settled, caught_up=not more),
            more=more,
        )

    def _usage(self, report: Report, entries: Sequence[Entry], now: datetime) -> Normalised:
        settled = [entry for entry in entries if entry.end <= now - self._entry.settled_after]
        found = records(settled, report=report.name, provider=self._provider.PROVIDER)
        return usage_table(found, source=self.source, platform=self.platform, known_platforms=(self.platform,), now=now)

    def _place(self, position: Position | None, now: datetime) -> Place:
        try:
            said = orjson.loads(position.text) if position else {}
            at, begun = (datetime.fromisoformat(said[name]).astimezone(UTC) for name in ("at", "begun"))
            place = Place(at, int(said["step"]), begun)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            return Place(_day(now - self._entry.back_fill), 0, now)
        if position is not None and position.caught_up:
            return Place(_day(min(place.begun, now) - self._entry.overlap), 0, now)
        return place if 0 <= place.step < len(self._reports) else Place(place.at, 0, place.begun)

    def _ahead(self, place: Place, until: datetime, now: datetime) -> tuple[Place, bool]:
        """The next place, and whether there is more to read now."""
        if place.step + 1 < len(self._reports):
            return Place(place.at, place.step + 1, place.begun), True
        return Place(until, 0, place.begun), until <= now


def _day(at: datetime) -> datetime:
    whole: date = at.astimezone(UTC).date()
    return datetime(whole.year, whole.month, whole.day, tzinfo=UTC)
