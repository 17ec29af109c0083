"""Behind the charts of money: cost by any dimension, and the unit economics' weeks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from analytics.economics_periods import BY_DEFAULT, NAMES
from analytics.ledger import Costs
from analytics.ledger_cost import INFRASTRUCTURE, OTHERS
from dashboards import ranges
from dashboards.api.economics import read_economics
from dashboards.charts.frame import FILLING, FROM, SERIES, STATE, UNTIL, WHOLE, Frame, value_column
from dashboards.cost_asked import FILTERS, question_of, wrong_of
from dashboards.cost_books import books_of
from dashboards.cost_tables import WORDS, label_of
from dashboards.filters import Filters
from dashboards.pages.cost_bar import narrowed
from dashboards.parts import Parts
from roomleft.errors import InputError
from roomleft.timespan import midnight

ROWS = "/cost/rows"
MINUTE = timedelta(minutes=1)
EVERY_SERIES = 100_000
FINE_FOR = ((timedelta(days=7), timedelta(minutes=15)), (timedelta(days=62), timedelta(hours=1)))
"""How fine the steps of a span are: longer spans are told by the chart's own days."""
STEPS = {"week": "Weeks", "month": "Months"}


def cost(parts: Parts, filters: Filters, now: datetime) -> Frame:
    """The dollars of every group by bucket, those that the chart folds into Other too. Raises InputError, UsersHidden, StoreError."""
    if wrong := wrong_of(filters):
        raise InputError(wrong[0].partition("; ")[0], "chart=cost", "see docs/cost.md")
    asked = question_of(filters, now)
    step = next((fine for longest, fine in FINE_FOR if asked.until - asked.since <= longest), None)
    if step is not None and not asked.of_users:
        asked = replace(asked, edges=tuple(stepped(asked.edges[0] if asked.edges else asked.since, asked.until, step)))
    told = books_of(parts).costs(replace(asked, most=EVERY_SERIES, named=EVERY_SERIES), now)
    by = told.by[0]
    ends = [*told.edges[1:], told.until]
    until = dict(zip(told.edges, ends, strict=True))
    keys = sorted(told.series, key=lambda key: (key[0], str(key[1])))
    rows = [
        [edge, until[edge], _named(by, value), told.series[edge, value], FILLING if until[edge] > now else WHOLE]
        for edge, value in keys
    ]
    links = [rows_address(filters, by, value, edge, min(until[edge], now)) for edge, value in keys]
    note = f"Steps of {_words(step) if step is not None and not asked.of_users else 'the chart'}; every group, none folded into Other"
    columns = (FROM, UNTIL, replace(SERIES, name=by, words=WORDS[by]), value_column("cost", "usd"), STATE)
    return Frame(f"Cost by {WORDS[by]}", columns, rows, filters.zone, note, links)


def _words(step: timedelta) -> str:
    return "an hour" if step >= timedelta(hours=1) else "15 minutes"


def _named(by: str, value: str | None) -> str:
    return "Other" if value == OTHERS else label_of(by, value)


def stepped(first: datetime, until: datetime, step: timedelta) -> list[datetime]:
    """Starts of even steps from `first` up to `until`."""
    return [first + step * n for n in range(int(-((first - until) // step)))]


def rows_address(filters: Filters, by: str, value: str | None, since: datetime, until: datetime) -> str | None:
    """The rows behind one piece of a bar; None for what is put together of several."""
    own = series_address(filters, by, value)
    return own and within(own, since, until, filters.zone)


def within(href: str, since: datetime, until: datetime, zone: ZoneInfo) -> str:
    """An address without a range, over [since, until): with offsets where the zone's clock shows a time twice."""
    span = urlencode({"range": ranges.written(since, max(until, since + MINUTE), zone)}, safe=":")
    return f"{href}{'&' if '?' in href else '?'}{span}"


def series_address(filters: Filters, by: str, value: str | None) -> str | None:
    """The rows of one group, without their range; None where an address cannot say it."""
    if value == OTHERS:
        return None
    kept = {name: filters.page.get(name) for name in FILTERS}
    if value == INFRASTRUCTURE:
        return filters.href(ROWS, **{**kept, "kind": "infrastructure", "range": None})
    return filters.href(ROWS, **{**kept, **narrowed(filters, (by,), (value,)), "range": None})


def bar_ends(told: Costs, now: datetime) -> list[datetime]:
    """Where each bucket of an answer ends; the last one now, if it is not over."""
    edges = list(told.edges)
    return [*(end for _, end in pairwise(edges)), min(told.until, now)] if edges else []


def economics(parts: Parts, filters: Filters, now: datetime) -> Frame:
    """By week or month: what an active user cost, and AI cost as a share of revenue. Raises InputError, StoreError."""
    slugs = list(parts.packs)
    slug = filters.platform or (slugs[0] if len(slugs) == 1 else "")
    if slug not in parts.packs:
        raise InputError("unit economics are of one platform", "platform", f"one of {', '.join(slugs) or 'none is loaded'}")
    period, by = filters.chosen("period", NAMES, BY_DEFAULT), filters.chosen("by", STEPS, "week")
    told = read_economics(parts, parts.packs[slug], now, period, by)
    zone = ZoneInfo(told.pack.zone)
    rows: list[Sequence[object]] = []
    links: list[str | None] = []
    behind = filters.href(ROWS, platform=slug, tz=zone.key, range=None, **dict.fromkeys(filters.page))
    for each in told.trend:
        user: Decimal | None = each.per(each.users)["total_usd"]
        first, ends = midnight(each.span.first, zone), midnight(each.span.ends, zone)
        rows.append([first, ends, user, each.api_share, each.users, WHOLE if each.whole else FILLING])
        links.append(within(behind, first, min(ends, now), zone))
    columns = (FROM, UNTIL, value_column("active_user_cost", "usd"), value_column("ai_cost_of_revenue", "ratio"), value_column("active", "users"), STATE)  # fmt: skip
    return Frame(f"Unit economics of {told.pack.title} by {by}", columns, rows, zone, "Days are of the platform's zone", links)
