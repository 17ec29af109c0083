"""The one filter model: what a page shows lives in its address, so every view can be copied, bookmarked and gone back to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from dashboards import ranges
from dashboards.ranges import BadRange
from roomleft.packs_yaml import nearest
from roomleft.timespan import Period, Window, known_zones, midnight

DEFAULT_RANGE = "24h"
MONTHLY = ("/cost", "/export/cost")
"""Pages whose range is this month unless asked for another: finance thinks in months."""
SELDOM = re.compile(r"/audit|/export/audit\.csv|/platforms/[^/]+/deploys")
"""Pages of what happens a few times a week: a day of it would mostly be empty."""
BETWEEN = "\x1f"
"""Between the values of a filter that has several."""
SHARED = ("range", "platform", "tz", "compare")
"""What every page understands, and every link keeps."""
CARRIED = ("environment",)
"""Filters of some pages that every link keeps, so that they still hold when one comes back."""
PREVIOUS = "previous"
DAY = timedelta(days=1)
MOST_TEXT, MOST_VALUE, MOST_FIELDS, MOST_SAID = 8000, 1000, 60, 60
"""Letters of an address, letters of one value, parameters, and letters of a value that is said back."""
FUTURE = "This range lies in the future: there is nothing to show yet"


@dataclass(frozen=True, slots=True)
class Filters:
    """What an address asks for: a page, a time range in a zone, a platform, and the page's own filters.

    `range` is as `ranges.read_range` keeps it: a key of RANGES, a length as `3h`, days `YYYY-MM-DD..YYYY-MM-DD` (both included) or minutes
    `YYYY-MM-DDTHH:MM..YYYY-MM-DDTHH:MM` in the zone (half-open). `problems` names what in the address was not understood and therefore
    left out. `compare`: whether the period before is drawn beside. `stated`: whether the address names the range, so that links carry it also to
    pages that show another unless asked.
    """

    path: str = "/"
    range: str = DEFAULT_RANGE
    platform: str | None = None
    zone: ZoneInfo = ZoneInfo("UTC")
    page: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    compare: bool = False
    stated: bool = False

    @property
    def when(self) -> tuple[str, str]:
        """Range and zone: what tells two spans apart, for the keys of shared answers."""
        return self.range, self.zone.key

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        """The asked range as UTC instants [since, until); `until` is never after `now`."""
        since, until = ranges.bounds(self.range, self.zone, now)
        until = min(until, now)
        return (since, until) if since < until else (until - timedelta(days=1), until)

    def told(self, now: datetime) -> list[str]:
        """What to say beside the page's figures: a range that has not begun, of which nothing is shown. `problems` stand above every page."""
        return [FUTURE] if self.ahead(now) else []

    def ahead(self, now: datetime) -> bool:
        """Whether the range lies in the future. `span` takes the last day in its place; a page that tells sums asks here first."""
        return ranges.is_absolute(self.range) and ranges.bounds(self.range, self.zone, now)[0] >= now

    def is_over(self, now: datetime) -> bool:
        """Whether the range ended before `now`: nothing new can come into it but late rows."""
        return ranges.bounds(self.range, self.zone, now)[1] < now

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
        if ranges.is_absolute(self.range):
            begun, ended = ranges.bounds(self.range, self.zone, now)
            start = begun - (ended - begun)
            if (days := ranges.whole_days(self.range)) is not None:
                start = midnight(days[0] - (days[1] - days[0]) - timedelta(days=1), self.zone)
            if begun <= since:
                return start, min(begun, start + (until - since)) if until == now else begun
        return since - (until - since), since

    @property
    def range_words(self) -> str:
        """What the range control shows: `Last 24 h`, `1 Nov–14 Nov 2026`, `20 Nov 2026, 14:05–15:35`."""
        return ranges.words_of(self.range, self.zone)

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

    def href(self, path: str | None = None, /, **changes: str | None) -> str:
        """The address after a change. Another page keeps range, platform, zone, comparison and `CARRIED`; the same page keeps everything. None
        removes. `path` may end in the place on the page: `/capacity/forecasts#unusual`.

        A page's own default range is written, and so carried to a page that has another, only where it was asked for: by the address, or by a change
        of the range on the same page. In another zone a range of minutes stays the same instants.
        """
        path, _, place = (path or self.path).partition("#")
        values: dict[str, str | None] = {
            "range": self.range if self.stated or self.range != default_range(self.path) else None,
            "platform": self.platform,
            "tz": self.zone.key if self.zone.key != "UTC" else None,
            "compare": PREVIOUS if self.compare else None,
        }
        values |= self.page if path == self.path else {name: self.page.get(name) for name in CARRIED}
        values |= changes
        if values.get("range") == default_range(path) and (path != self.path if "range" in changes else not self.stated):
            values["range"] = None
        if "tz" in changes and "range" not in changes and (kept := values["range"]):
            values["range"] = ranges.moved(kept, self.zone, ZoneInfo(changes["tz"] or "UTC"))
        if values.get("tz") == "UTC":
            values["tz"] = None
        query = urlencode([(key, each) for key, value in values.items() if value for each in value.split(BETWEEN)])
        return path + (f"?{query}" if query else "") + (f"#{place}" if place else "")

    def on(self, path: str) -> Filters:
        """The same filters on another page."""
        return replace(self, path=path)


def default_range(path: str) -> str:
    """The range that a page shows unless asked for another."""
    if path.startswith(MONTHLY):
        return "month"
    return "30d" if SELDOM.fullmatch(path) else DEFAULT_RANGE


def span_of(text: str, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime] | None:
    """The instants that days or times `from..to` mean (none after `now`); None for another text."""
    try:
        kept = ranges.read_range(text, zone)
    except BadRange:
        return None
    if not ranges.is_absolute(kept):
        return None
    since, until = ranges.bounds(kept, zone, now)
    return (since, min(until, now)) if since < min(until, now) else None


def parse(path: str | None, search: str | None) -> Filters:
    """Filters from an address. Never raises: what is not understood is left out and named in `problems`."""
    path = _path(path)
    asked, problems = _fields(search or "")
    for between in (BETWEEN, ","):
        # The API names two dimensions in one word, the pages in two.
        if between in asked.get("by", "") and "then" not in asked:
            first_by, _, then = asked["by"].partition(between)
            asked |= {"by": first_by.strip(), "then": then.strip()}
    if "env" in asked:
        # As people write it.
        asked.setdefault("environment", asked.pop("env"))
    zone_name = asked.pop("tz", "UTC")
    if zone_name not in known_zones():
        problems.append(f"{_said(zone_name)} is not a time zone; showing UTC")
        zone_name = "UTC"
    zone, usual = ZoneInfo(zone_name), default_range(path)
    stated = "range" in asked
    span = asked.pop("range", usual)
    try:
        span = ranges.read_range(span, zone)
    except BadRange as error:
        problems.append(f"{_said(span)} is not a range: {error.why}; showing {ranges.words_of(usual, zone).lower()}")
        span, stated = usual, False
    compare = asked.pop("compare", "")
    if compare not in ("", PREVIOUS):
        problems.append(f"compare={_said(compare)} is not known (previous); comparing with nothing")
    platform = asked.pop("platform", None)
    kept = {key: value for key, value in asked.items() if value}
    return Filters(path, span, platform, zone, kept, tuple(problems), compare == PREVIOUS, stated)


def _path(path: str | None) -> str:
    """A path that is one of this server: two slashes at its head would lead to another."""
    return "/" + _plain(path or "").replace("\\", "/").partition("?")[0].strip("/")


def _fields(search: str) -> tuple[dict[str, str], list[str]]:
    """The parameters, several values of one between BETWEEN, and what was wrong with them."""
    problems = []
    text = search.encode("utf-8", "replace").decode().lstrip("?")
    if len(text) > MOST_TEXT:
        problems.append(f"The address is longer than {MOST_TEXT:,} letters; what comes after was left out")
        text = text[:MOST_TEXT].rpartition("&")[0]
    pairs = parse_qsl(text)
    if len(pairs) > MOST_FIELDS:
        problems.append(f"The address has more than {MOST_FIELDS} parameters; the others were left out")
    asked: dict[str, str] = {}
    for key, value in pairs[:MOST_FIELDS]:
        key, value = _plain(key).strip(), _plain(value).strip()
        if len(value) > MOST_VALUE:
            problems.append(f"{key[:MOST_SAID]} is longer than {MOST_VALUE:,} letters and was left out")
            continue
        if not key or not value or len(key) > MOST_VALUE:
            continue
        if key in asked and key in SHARED and asked[key] != value:
            problems.append(f"{key} is given twice; the last counts")
        asked[key] = f"{asked[key]}{BETWEEN}{value}" if key in asked and key not in SHARED else value
    return asked, list(dict.fromkeys(problems))


def _plain(text: str) -> str:
    """Text without control characters and halves of characters, which no address can carry."""
    whole = text.encode("utf-8", "replace").decode()
    return "".join(letter for letter in whole if letter.isprintable() or (ord(letter) >= 0xA0 and letter not in "\u2028\u2029"))


def _said(text: str) -> str:
    return repr(text if len(text) <= MOST_SAID else f"{text[:MOST_SAID]}…")


def bucket_step(length: timedelta) -> timedelta:
    """How long the buckets of a chart are that shows so much: 15 min up to 6 h, hours up to 3 d, days up to 200 d, then weeks."""
    if length <= timedelta(days=3):
        return timedelta(minutes=15) if length <= timedelta(hours=6) else timedelta(hours=1)
    return DAY if length <= timedelta(days=200) else 7 * DAY


def bucket_edges(since: datetime, until: datetime, zone: ZoneInfo, step: timedelta | None = None) -> list[datetime]:
    """Bucket starts for a chart over [since, until), in steps of `bucket_step` or those given.

    UTC instants: hours and quarters of them as the zone's clock has them at `since`, the zone's days, weeks of them. The first may lie before `since`,
    and the last bucket is partial unless it ends at `until`.
    """
    step = step or bucket_step(until - since)
    if step < DAY:
        ahead = since.astimezone(zone).utcoffset() or timedelta(0)
        origin = datetime(2000, 1, 1, tzinfo=UTC) - ahead % step
        first = origin + (since - origin) // step * step
        return [first + step * i for i in range(int((until - first) / step) + 1) if first + step * i < until]
    edges = []
    local_day = since.astimezone(zone).date()
    while (edge := midnight(local_day, zone)) < until:
        edges.append(edge)
        local_day += step
    return edges
