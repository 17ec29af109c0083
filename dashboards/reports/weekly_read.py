"""What the weekly report is made of, read from the stores. What cannot be read is left out and named: the rest of the report still goes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from analytics.anomalies.causes import sentence
from analytics.anomalies.movers import movers
from analytics.catalogue import PriceList
from analytics.forecasting.forecasts import Forecasts
from analytics.forecasting.track_record import NONE_YET, TrackRecord, track_record
from analytics.ledger import Books
from analytics.month_cost import Month, Row, month_cost
from analytics.reports.weekly import WEEK, Given
from analytics.self_hosted import served_items
from dashboards import reads
from dashboards.parts import SourceStatus
from dashboards.record_rows import names_of, units_of
from dashboards.stale_prices import stale_of, stale_words
from roomleft.packs import Pack
from warehouse.store import Store

log = logging.getLogger(__name__)
UTC = ZoneInfo("UTC")
T = TypeVar("T")


def read_weekly(
    store: Store,
    packs: Mapping[str, Pack],
    sources: Callable[[], Sequence[SourceStatus]],
    now: datetime,
    slack: timedelta = timedelta(0),
    *,
    asked: Sequence[str] = (),
    late: datetime | None = None,
    demo: bool = False,
    public_url: str = "",
    forecasts: Forecasts | None = None,
    zone: ZoneInfo = UTC,
    lists: Sequence[PriceList] = (),
) -> Given:
    """The report's figures for the platforms `asked` for (none: all in use). Limits are read as the pages read them; the month is one of `zone`. Raises
    StoreError where not even those can be read."""
    missing = [f"the platform {slug}, which is not watched any more" for slug in asked if slug not in packs]
    own = {slug: pack for slug, pack in packs.items() if not asked or slug in asked}
    rows = [(row.headroom, row.limit) for row in reads.limits(store, own, now, slack)]

    def tried(what: str, read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except Exception as error:  # one part that fails must not keep the others from being told
            log.warning("the weekly report lacks %s: %s: %s", what, type(error).__name__, error)
            missing.append(what)
            return otherwise

    none: list[Mapping[str, Any]] = []
    states = tried("the state of the sources", lambda: [_source(each) for each in sources() if each.platform in own], none)
    moved = tried("what moved the cost", lambda: _movers(store, own, now), none)
    came = tried("what came of last week's forecasts", lambda: _outcomes(store, own, now), none)
    record = tried("the track record", lambda: track_record(store, platforms=list(own)), TrackRecord())
    return Given(
        titles={slug: pack.title for slug, pack in own.items()},
        rows=rows,
        sources=states,
        movers=moved,
        outcomes=came,
        record=_record(record),
        ranges=record.ranges_words,
        month=tried("what the month costs", lambda: _month(store, own, forecasts, rows, now, zone), None),
        stale_prices=tried("how old the price lists are", lambda: _stale(store, packs, own, lists, now), ""),
        missing=missing,
        late=late,
        demo=demo,
        public_url=public_url,
    )


def _month(
    store: Store, packs: Mapping[str, Pack], forecasts: Forecasts | None, rows: Sequence[Row], now: datetime, zone: ZoneInfo
) -> Month | None:
    if not packs or not all(isinstance(pack, Pack) for pack in packs.values()):
        return None
    served = [item for pack in packs.values() for item in served_items(pack)]
    return month_cost(Books(store, packs, served=served), forecasts, rows, now, zone)


def _stale(store: Store, packs: Mapping[str, Pack], own: Mapping[str, Pack], lists: Sequence[PriceList], now: datetime) -> str:
    """Which price lists of this week's providers nobody compared for long."""
    used = {
        row["label"]
        for slug in own
        for row in store.rows("usage_by", by="provider", platform=slug, since=now - WEEK, until=now)
        if not row["is_total"]
    }
    return stale_words(stale_of(lists, used, set(packs) - set(own)))


def _record(record: TrackRecord) -> str:
    """The record in a sentence; empty while there is none and nothing waits to be judged."""
    words = record.words
    if not words.startswith(NONE_YET):
        return words
    waiting = words.removeprefix(NONE_YET)
    return f"There is no track record yet{waiting}." if waiting else ""


def _source(each: SourceStatus) -> Mapping[str, Any]:
    return {
        "platform": each.platform,
        "source": each.source,
        "state": each.state,
        "words": each.words,
        "newest": each.read_to or each.last_success_at,
    }


def _outcomes(store: Store, packs: Mapping[str, Pack], now: datetime) -> list[Mapping[str, Any]]:
    titles = {name: title for pack in packs.values() for name, title in names_of(pack).items()}
    units = {name: unit for pack in packs.values() for name, unit in units_of(pack).items()}
    found: list[Mapping[str, Any]] = []
    for row in store.rows("report_outcomes", since=now - WEEK, until=now):
        if row["platform"] in packs:
            subject = row["subject"]
            figures = {name: Decimal(repr(float(row[name]))) for name in ("low", "middle", "high", "outcome")}
            named = {"name": titles.get(subject) or _spoken(subject), "unit": units.get(subject, row["unit"])}
            found.append({**row, **figures, **named})
    return found


def _spoken(target: str) -> str:
    """`active users` of a target's name `shop/active_users@Asia/Tokyo#30d`."""
    return str(target).partition("/")[2].partition("#")[0].partition("@")[0].replace("_", " ").replace("/", " ") or str(target)


def _movers(store: Store, packs: Mapping[str, Pack], now: datetime) -> list[Mapping[str, Any]]:
    return [
        {
            "platform": each.platform,
            "name": each.title,
            "before_usd": each.before_usd,
            "after_usd": each.usd,
            "cause": sentence(each.causes),
            "until": each.until,
        }
        for each in movers(store, packs, now)
    ]
