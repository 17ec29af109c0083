"""What an address of the Cost pages asks of the ledger: dimensions, filters, the span, and the span to compare it with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from analytics.infrastructure import InfrastructureRow
from analytics.ledger import DIMENSIONS, Books, Costs, Question
from analytics.ledger_rows import UsageRows
from analytics.ledger_sql import USER_COLUMNS
from dashboards import wording
from dashboards.cost_tables import WORDS
from dashboards.figures.earlier import UNLIKE
from dashboards.filters import BETWEEN, Filters, bucket_edges, bucket_step, span_of
from roomleft.errors import InputError
from roomleft.packs_yaml import nearest
from roomleft.timespan import midnight

BY_DEFAULT = "provider"
MOST_LINES = 100
"""How many groups a screen and its files name; what is left is one line."""
FILTERS = tuple(name for name in DIMENSIONS if name != "platform")
"""Dimensions that the page filters by; the platform stands in the header."""


KINDS_ASKED = ("ai", "infrastructure", "idle")
LISTED = 60
"""How many values of a dimension the ledger lists at most."""
LATEST = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Answered:
    """What the ledger said of a span and of the one compared with, which is called `against`; None where nothing is compared."""

    now: Costs
    before: Costs | None
    against: str


@dataclass(frozen=True, slots=True)
class CostRows:
    """What is behind a figure: itself, a page of calls (None where it has none by its kind), the infrastructure's items."""

    told: Costs
    calls: UsageRows | None
    items: Sequence[InfrastructureRow]


def by_of(filters: Filters) -> tuple[str, ...]:
    """The dimensions to group by: one, or two different ones."""
    first = filters.chosen("by", DIMENSIONS, BY_DEFAULT)
    then = filters.chosen("then", DIMENSIONS)
    if then == first or not then or not together(first, then):
        return (first,)
    return first, then


def together(first: str, then: str) -> bool:
    """Whether cost is kept by both at once: users' days are kept by a few dimensions only."""
    return "user" not in (first, then) or {first, then} <= {"user", "kind", *USER_COLUMNS}


def wrong_of(filters: Filters) -> list[str]:
    """What an address asks for that cost is not kept by, in words; it is left out."""
    first = by_of(filters)[0]
    found = filters.wrong("by", DIMENSIONS, WORDS[first])
    found += filters.wrong("then", DIMENSIONS, f"{WORDS[first]} alone")
    then = filters.get("then")
    if not found and then and not together(first, then):
        found.append(f"Cost is not kept by {WORDS[first]} and {WORDS[then]} at once; showing {WORDS[first]} alone")
    known = ("by", "then", "against", "page", "row", *FILTERS)
    found += [
        f"There is no filter {name[:60]!r} ({nearest(name, FILTERS, 'filters')}); it is left out"
        for name in filters.page
        if name not in known
    ]
    found += [
        f"There is no kind of cost {value[:60]!r} (ai, infrastructure, idle); it is left out"
        for value in filters.values("kind")
        if value not in KINDS_ASKED
    ]
    against = filters.get("against")
    if against and against not in ("none", "year") and span_of(against, filters.zone, LATEST) is None:
        found.append(f"against={against[:60]!r} is no range of days; comparing with the period before")
    return found


def unmet_of(filters: Filters, choices: Mapping[str, Sequence[str]]) -> list[str]:
    """The values asked for that no usage of the range has. `choices`: the values there are; a long list of them is not all of them."""
    return [
        f"No usage of this range has the {WORDS[name]} {value[:60]!r}"
        for name in FILTERS
        if name not in ("kind", "user") and len(choices.get(name, ())) < LISTED
        for value in filters.values(name)
        if value not in choices.get(name, ())
    ]


def where_of(filters: Filters) -> dict[str, tuple[str, ...]]:
    """The filters of the address, several values each."""
    where: dict[str, tuple[str, ...]] = {"platform": (filters.platform,)} if filters.platform else {}
    where |= {name: values for name in FILTERS if name != "kind" and (values := filters.values(name))}
    kinds = tuple(value for value in filters.values("kind") if value in KINDS_ASKED)
    return where | ({"kind": kinds} if kinds else {})


def question_of(filters: Filters, now: datetime) -> Question:
    """The question a page asks. Raises InputError for a range that lies in the future."""
    if filters.ahead(now):
        raise InputError("the range lies in the future", f"range={filters.range}", "ask for days up to today")
    since, until = filters.span(now)
    edges = bucket_edges(since, until, filters.zone)
    return Question(since, until, by_of(filters), where_of(filters), tuple(edges), filters.zone, MOST_LINES)


def compared_with(filters: Filters, now: datetime) -> tuple[tuple[datetime, datetime] | None, str]:
    """The span to compare with, and its words. `against`: nothing for the period before, `year`, `none`, or days as in a range."""
    asked = filters.get("against")
    if asked == "none":
        return None, ""
    if asked == "year":
        return _year_before(filters, now), "the same days a year before"
    if asked:
        span = span_of(asked, filters.zone, now)
        if span is not None:
            return span, span_words(span, filters, now)
    span = filters.previous(now)
    return span, "the period before"


def span_words(span: tuple[datetime, datetime], filters: Filters, now: datetime) -> str:
    """`1 Oct 00:00–21 Oct 12:00`; whole days by their dates alone: `1–31 Oct`."""
    first, last = (instant.astimezone(filters.zone) for instant in span)
    if first.date() < last.date() and all(at == midnight(at.date(), filters.zone) for at in (first, last)):
        # Until is the first instant that does not belong.
        final = span[1] - timedelta(minutes=1)
        words, end = wording.day(final, now, filters.zone), final.astimezone(filters.zone)
        if first.date() == end.date():
            return words
        same_month = (first.year, first.month) == (end.year, end.month)
        return f"{first.day if same_month else wording.day(span[0], now, filters.zone)}–{words}"
    return f"{wording.moment(span[0], now, filters.zone)}–{wording.moment(span[1], now, filters.zone)}"


def answered(books: Books, filters: Filters, now: datetime) -> Answered:
    """The ledger's answer to an address, with the period it is compared with. Raises InputError, StoreError."""
    question = question_of(filters, now)
    told = books.costs(question, now)
    span, words = compared_with(filters, now)
    if span is None:
        return Answered(told, None, words)
    # Only to be drawn beside is the earlier period asked by bucket.
    edges = edges_beside((question.since, question.until), span, filters.zone) if filters.compare else ()
    earlier = Question(span[0], span[1], question.by, question.where, edges, filters.zone)
    return Answered(told, books.costs(earlier, now), words)


def edges_beside(shown: tuple[datetime, datetime], span: tuple[datetime, datetime], zone: ZoneInfo) -> tuple[datetime, ...]:
    """The buckets of `span`, as long as those of the span shown, to be drawn beside them; none where it has not about as many: what stands side by side
    would be sums of unlike stretches."""
    own = bucket_edges(*shown, zone)
    beside = bucket_edges(*span, zone, bucket_step(shown[1] - shown[0]))
    return tuple(beside) if abs(len(own) - len(beside)) <= max(1, int(len(own) * UNLIKE)) else ()


def kept(filters: Filters) -> Mapping[str, str | None]:
    """The page's own filters without those of other pages, for links between the Cost pages and to their files."""
    names = ("by", "then", "against", *FILTERS)
    own: dict[str, str | None] = {name: value for name, value in filters.page.items() if name in names}
    if wrong_of(filters):
        # What the page left out is not asked of the file, which would refuse it.
        by, kinds = by_of(filters), where_of(filters).get("kind", ())
        own |= {"by": by[0], "then": by[1] if len(by) > 1 else None, "kind": BETWEEN.join(kinds) or None}
        against = filters.get("against")
        if against not in ("none", "year") and span_of(against, filters.zone, LATEST) is None:
            own["against"] = None
    return own


def _year_before(filters: Filters, now: datetime) -> tuple[datetime, datetime]:
    since, until = (instant.astimezone(filters.zone) for instant in filters.span(now))
    return _last_year(since), _last_year(until)


def _last_year(instant: datetime) -> datetime:
    try:
        return instant.replace(year=instant.year - 1)
    except ValueError:  # 29 February
        return instant.replace(year=instant.year - 1, day=28)
