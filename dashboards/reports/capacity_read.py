"""What the capacity report is made of, read from the stores. What cannot be read is left out and named: the rest of the report still goes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from analytics.catalogue import PriceList
from analytics.forecasting.forecasts import Forecasts
from analytics.forecasting.futures import Futures
from analytics.forecasting.targets import AI_COST, AI_REQUESTS, ALL, report_series
from analytics.forecasting.track_record import track_record
from analytics.meter_usage import usage_freshness
from analytics.reports.capacity import Given
from analytics.reports.capacity_ahead import Series
from analytics.reports.capacity_limits import is_budget
from analytics.reports.capacity_risks import Money
from analytics.reports.scaling import scaling_rows, signals_of
from dashboards import reads
from dashboards.record_rows import names_of, units_of
from dashboards.stale_prices import stale_of, stale_words
from roomleft.limits import Limit
from roomleft.outlook import NoDate, Outlook
from roomleft.packs import Pack
from roomleft.packs_meters import Meter
from roomleft.timespan import midnight
from warehouse.store import Store

log = logging.getLogger(__name__)
T = TypeVar("T")
MONTH_DAYS = 30
DUE_WITHIN = timedelta(days=30)
NAMES = {AI_COST: "AI cost", AI_REQUESTS: "AI requests"}


def read_capacity(
    store: Store,
    book: Forecasts | None,
    pack: Pack,
    now: datetime,
    slack: timedelta = timedelta(0),
    *,
    demo: bool = False,
    lists: Sequence[PriceList] = (),
    others: Collection[str] = (),
) -> Given:
    """What one platform's report is made of. Limits are read as the pages read them. `lists` are the price lists in use, `others`
    the other platforms here, whose own lists do not bind this one. Raises StoreError where not even those can be read."""
    missing: list[str] = []
    rows = [(row.headroom, row.limit) for row in reads.limits(store, {pack.slug: pack}, now, slack)]

    def tried(what: str, read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except Exception as error:  # one part that fails must not keep the others from being told
            log.warning("the capacity report of %s lacks %s: %s: %s", pack.slug, what, type(error).__name__, error)
            missing.append(what)
            return otherwise

    none: list[Series] = []
    series = tried("the forecasts", lambda: _series(book, pack), none)
    named = {each.meter_id: each for each in series}
    headrooms = {row.limit_id: row for row, _ in rows}
    nothing: dict[str, Any] = {}
    since = tried("since when there is data", lambda: store.rows("report_capacity_since", platform=pack.slug)[0], nothing)
    unknown: dict[str, Futures | Outlook] = {}
    money = tried("cost and revenue of the last months", lambda: _money(store, pack, now), Money())
    return Given(
        rows=rows,
        series=series,
        by_meter=tried("the forecasts behind the recommendations", lambda: _by_meter(book, pack, named), named),
        budgets=tried(
            "the budgets of the next month",
            lambda: {limit.limit_id: _future(book, pack, limit) for _, limit in rows if is_budget(limit)},
            unknown,
        ),
        scaling=tried("the scaling triggers", lambda: _scaling(store, pack, headrooms, now), []),
        money=money,
        stale_prices=stale_words(stale_of(lists, {name for name, _ in money.by_provider}, others)),
        outcomes=tried("what came of earlier forecasts", lambda: _outcomes(store, pack, now), []),
        record=tried("the track record", lambda: track_record(store, platforms=[pack.slug]), None),
        fitted_at=tried("when it was forecast", lambda: book.fitted_at() if book is not None else None, None),
        usage_read_to=tried("how fresh usage is", lambda: usage_freshness(store, pack, now).observed_at, None),
        first_data=_first(since, ZoneInfo(pack.zone)),
        missing=missing,
        demo=demo,
    )


def _first(since: dict[str, Any], zone: ZoneInfo) -> date | None:
    day, call = since.get("first_business_day"), since.get("first_call_at")
    known = [each for each in (day, call.astimezone(zone).date() if call is not None else None) if each is not None]
    return min(known, default=None)


def _future(forecasts: Forecasts | None, pack: Pack, limit: Limit) -> Futures | Outlook:
    return forecasts.of(pack, limit) if forecasts is not None else Outlook.none(NoDate.NO_DATA)


def _series(forecasts: Forecasts | None, pack: Pack) -> list[Series]:
    found = []
    for subject in report_series(pack):
        meter_id = subject.name.rpartition("/")[2]
        nothing = Outlook.none(NoDate.NO_DATA)
        ahead = forecasts.of_series(pack, f"{subject.metric}/{meter_id}") if forecasts is not None else nothing
        made = _of(subject.metric, meter_id, NAMES.get(meter_id, subject.title), subject.unit, subject.horizon, ahead)
        found.append(replace(made, same=_twins(pack, meter_id)))
    return found


def _of(heading: str, meter_id: str, title: str, unit: str, horizon: timedelta, ahead: Futures | Outlook) -> Series:
    if isinstance(ahead, Outlook):
        return Series(heading, meter_id, title, unit, horizon, None, ahead.no_date, ahead.basis)
    return Series(heading, meter_id, title, unit, horizon, ahead)


def _twins(pack: Pack, meter_id: str) -> tuple[str, ...]:
    """The pack's other meters that ask the warehouse the same."""
    asked = _asks(pack, meter_id)
    return tuple(name for name, meter in pack.meters.items() if name != meter_id and _question(meter) == asked)


def _by_meter(forecasts: Forecasts | None, pack: Pack, series: dict[str, Series]) -> dict[str, Series]:
    """The series of every meter that advice or tiers speak of: the report's own, one that asks the same, else that of a limit on the meter."""
    report = pack.reports.capacity
    wanted = {each.of for each in pack.advice if each.of is not None} | (
        {report.tier_users} if report and report.tier_users else set()
    )
    found = dict(series)
    for name in sorted(wanted - set(found)):
        meter = pack.meters[name]
        twin = next((each for each in series.values() if _asks(pack, each.meter_id) == _question(meter)), None)
        limit = next(
            (each for each in pack.limit_list() if each.meter_id == name and not each.per_user and each.window is None), None
        )
        if twin is not None:
            found[name] = twin
        elif limit is not None:
            found[name] = _of(
                "", name, meter.title or limit.title, meter.unit, timedelta(days=MONTH_DAYS), _future(forecasts, pack, limit)
            )
    return found


def _asks(pack: Pack, meter_id: str) -> str:
    meter = pack.meters.get(meter_id) or ALL.get(meter_id)
    return _question(meter) if meter is not None else ""


def _question(meter: Meter) -> str:
    return meter.model_dump_json(exclude={"title", "stale_after"})


def _scaling(store: Store, pack: Pack, headrooms: dict[str, Any], now: datetime) -> Sequence[Any]:
    names = sorted({signal.series for signal in signals_of(pack)})
    rows = reads.recent_samples(store, pack.slug, names, now) if names else []
    return scaling_rows(pack, rows, reads.RECENT_STEP_S, headrooms, now=now)


def _money(store: Store, pack: Pack, now: datetime) -> Money:
    """The last 30 whole days of the platform's zone and the 30 before."""
    zone = ZoneInfo(pack.zone)
    today = now.astimezone(zone).date()
    edges = [midnight(today - timedelta(days=MONTH_DAYS * times), zone) for times in (2, 1, 0)]
    spans = list(pairwise(edges))
    usage = [store.rows("usage_by", by="provider", platform=pack.slug, since=since, until=until) for since, until in spans]
    totals = [next((row for row in rows if row["is_total"]), None) for rows in usage]
    revenue = [
        store.rows(
            "meter_business",
            platform=pack.slug,
            since=since.astimezone(zone).date(),
            until=until.astimezone(zone).date(),
            today=today,
            tiers=None,
        )[0]["revenue"]
        for since, until in spans
    ]
    first = store.rows("report_capacity_since", platform=pack.slug)[0]
    begun = _first(first, zone)
    whole = begun is not None and begun <= edges[0].astimezone(zone).date()
    cost = tuple(row["cost_usd"] if row is not None else Decimal(0) for row in totals)
    last = totals[1]
    return Money(
        cost=(cost[0], cost[1]) if whole else None,
        revenue=(Decimal(revenue[0]), Decimal(revenue[1])) if whole and None not in revenue else None,
        by_provider=[(row["label"] or "unnamed", row["cost_usd"]) for row in usage[1] if not row["is_total"]],
        unpriced_requests=int(last["unpriced_requests"]) if last is not None else 0,
        requests=int(last["requests"]) if last is not None else 0,
    )


def _outcomes(store: Store, pack: Pack, now: datetime) -> list[dict[str, Any]]:
    units, names = units_of(pack), names_of(pack)
    rows = store.rows("report_capacity_outcomes", platform=pack.slug, since=now - DUE_WITHIN, until=now, days=MONTH_DAYS)
    return [
        {**row, "unit": units.get(str(row["subject"]), row["unit"]), "name": names.get(str(row["subject"]))}
        for row in rows
        if row["subject"] in units or str(row["subject"]).startswith(f"{pack.slug}/")
    ]
