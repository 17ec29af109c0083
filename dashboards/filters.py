"""The one filter model: what a page shows lives in its address, so every view can be copied, bookmarked and gone back to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from roomleft.packs_yaml import nearest
from roomleft.timespan import Period, Window, known_zones, midnight

RANGES = {
    "1h": "Last hour",
    "24h": "Last 24 h",
    "7d": "Last 7 d",
    "30d": "Last 30 d",
    "90d": "Last 90 d",
    "month": "This month",
    "last-month": "Last month",
}
SPANS = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
DEFAULT_RANGE = "24h"
MONTHLY = ("/cost", "/export/cost")
"""Pages whose range is this month unless asked for another: finance thinks in months."""
BETWEEN = "\x1f"
"""Between the values of a filter that has several."""
SHARED = ("range", "platform", "tz")
LONGEST = timedelta(days=800)
FUTURE = "This range lies in the future: there is nothing to show yet"


@dataclass(frozen=True, slots=True)
class Filters:
    """What an address asks for: a page, a time range in a zone, a platform, and the page's own filters.

    `range` is a key of RANGES or `YYYY-MM-DD..YYYY-MM-DD` (both days included). `problems` names what in the address was not understood
    and therefore left out.
    """

    path: str = "/"
    range: str = DEFAULT_RANGE
    platform: str | None = None
    zone: ZoneInfo = ZoneInfo("UTC")
    page: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        """The asked range as UTC instants [since, until); `until` is never after `now`."""
        if self.range in SPANS:
            return now - SPANS[self.range], now
        month = Window(Period.MONTH, self.zone)
        if self.range == "month":
            return month.bounds(now)[0], now
        if self.range == "last-month":
            return month.previous(now)
        first, last = _days(self.range)
        since, until = midnight(first, self.zone), min(midnight(last + timedelta(days=1), self.zone), now)
        return (since, until) if since < until else (until - timedelta(days=1), until)

    def told(self, now: datetime) -> list[str]:
        """What to say beside the page's figures: what was not understood, and a range that has not begun, of which nothing is shown."""
        return [*self.problems, *([FUTURE] if self.ahead(now) else [])]

    def ahead(self, now: datetime) -> bool:
        """Whether the range lies in the future. `span` takes the last day in its place; a page that tells sums asks here first."""
        named = self.range in SPANS or self.range in {"month", "last-month"}
        return not named and midnight(_days(self.range)[0], self.zone) >= now

    def wrong(self, key: str, allowed: Iterable[str], shown: str) -> list[str]:
        """What to say of a page filter that is none of `allowed`, in whose place `shown` is taken; nothing where it is one or absent."""
        value, names = self.page.get(key), list(allowed)
        return (
            [f"{key}={value[:60]!r} is not known here ({nearest(value, names, 'one of')}); showing {shown}"]
            if value and value not in names
            else []
        )

    def previous(self, now: datetime) -> tuple[datetime, datetime]:
        """The period to compare with: as long, directly before; for a month, the same stretch of the month before; for days, as many days."""
        since, until = self.span(now)
        if self.range in {"month", "last-month"}:
            start, end = Window(Period.MONTH, self.zone).previous(since)
            return start, end if self.range == "last-month" else min(end, start + (until - since))
        if self.range not in SPANS:
            first, last = _days(self.range)
            start, end = midnight(first - (last - first) - timedelta(days=1), self.zone), midnight(first, self.zone)
            if end <= since:
                return start, min(end, start + (until - since)) if until == now else end
        return since - (until - since), since

    @property
    def range_words(self) -> str:
        """What the range control shows: `Last 24 h`, `1–14 Nov`."""
        if self.range in RANGES:
            return RANGES[self.range]
        first, last = _days(self.range)
        return f"{first:%-d %b}–{last:%-d %b %Y}"

    def get(self, key: str, default: str = "") -> str:
        """A filter of the page; of several values the first."""
        return self.page.get(key, default).partition(BETWEEN)[0]

    def values(self, key: str) -> tuple[str, ...]:
        """Every value of a filter of the page, in the address's order."""
        return tuple(value for value in self.page.get(key, "").split(BETWEEN) if value)

    def toggled(self, key: str, value: str) -> str | None:
        """What a filter becomes when a value is added to it, or taken away if it is there: for `href`."""
        kept = [each for each in self.values(key) if each != value]
        if len(kept) == len(self.values(key)):
            kept.append(value)
        return BETWEEN.join(kept) or None

    def chosen(self, key: str, allowed: Mapping[str, object] | tuple[str, ...], default: str = "") -> str:
        """A page filter that must be one of `allowed`; else the default."""
        value = self.page.get(key, default)
        return value if value in allowed else default

    def href(self, path: str | None = None, **changes: str | None) -> str:
        """The address after a change. Another page keeps range, platform and zone; the same page keeps everything. None removes.

        A page's own default range is not carried to a page that has another.
        """
        values: dict[str, str | None] = {
            "range": self.range if self.range != default_range(self.path) else None,
            "platform": self.platform,
            "tz": self.zone.key if self.zone.key != "UTC" else None,
        }
        if path is None or path == self.path:
            values |= self.page
        values |= changes
        if values.get("range") == default_range(path or self.path):
            values["range"] = None
        if values.get("tz") == "UTC":
            values["tz"] = None
        query = urlencode([(key, each) for key, value in values.items() if value for each in value.split(BETWEEN)])
        return (path or self.path) + (f"?{query}" if query else "")

    def on(self, path: str) -> Filters:
        """The same filters on another page."""
        return replace(self, path=path)


def default_range(path: str) -> str:
    """The range that a page shows unless asked for another."""
    return "month" if path.startswith(MONTHLY) else DEFAULT_RANGE


def span_of(text: str, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime] | None:
    """The instants that `YYYY-MM-DD..YYYY-MM-DD` means (both days included, none after `now`); None for another text."""
    try:
        first, last = _days(text)
        since, until = midnight(first, zone), midnight(last + timedelta(days=1), zone)
    except (ValueError, OverflowError):
        return None
    return (since, min(until, now)) if since < min(until, now) and last - first <= LONGEST else None


def parse(path: str | None, search: str | None) -> Filters:
    """Filters from an address. Never raises: what is not understood is left out and named in `problems`."""
    asked: dict[str, str] = {}
    for key, value in parse_qsl((search or "").lstrip("?")):
        value = value.replace(BETWEEN, " ")
        asked[key] = f"{asked[key]}{BETWEEN}{value}" if key in asked and key not in SHARED else value
    for between in (BETWEEN, ","):
        # The API names two dimensions in one word, the pages in two.
        if between in asked.get("by", "") and "then" not in asked:
            first_by, _, then = asked["by"].partition(between)
            asked |= {"by": first_by.strip(), "then": then.strip()}
    problems = []
    usual = default_range(path or "/")
    span = asked.pop("range", usual)
    if span not in RANGES:
        try:
            first, last = _days(span)
            if not first <= last or last - first > LONGEST:
                raise ValueError
        except ValueError:
            problems.append(f"{span!r} is not a range; showing {RANGES[usual].lower()}")
            span = usual
    zone = asked.pop("tz", "UTC")
    if zone not in known_zones():
        problems.append(f"{zone!r} is not a time zone; showing UTC")
        zone = "UTC"
    platform = asked.pop("platform", None)
    return Filters(path or "/", span, platform, ZoneInfo(zone), asked, tuple(problems))


def _days(text: str) -> tuple[date, date]:
    first, separator, last = text.partition("..")
    if not separator:
        raise ValueError(text)
    return date.fromisoformat(first), date.fromisoformat(last)


def bucket_edges(since: datetime, until: datetime, zone: ZoneInfo) -> list[datetime]:
    """Bucket starts for a chart over [since, until): 15 min up to 6 h, hours up to 3 d, the zone's days up to 200 d, then weeks of them.

    UTC instants, aligned to the zone's clock; the first may lie before `since`, and the last bucket is partial unless it ends at `until`.
    """
    span = until - since
    if span <= timedelta(days=3):
        step = timedelta(minutes=15) if span <= timedelta(hours=6) else timedelta(hours=1)
        origin = datetime(2000, 1, 1, tzinfo=UTC)
        first = origin + (since - origin) // step * step
        return [first + step * i for i in range(int((until - first) / step) + 1) if first + step * i < until]
    day_step = 1 if span <= timedelta(days=200) else 7
    edges = []
    local_day = since.astimezone(zone).date()
    while (edge := midnight(local_day, zone)) < until:
        edges.append(edge)
        local_day += timedelta(days=day_step)
    return edges
