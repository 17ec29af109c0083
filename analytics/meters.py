"""Meters answer a limit's question from the warehouse: how much, how fresh, and if it cannot be told, why.

Usage is read from rollups, so a reading costs the same whether a platform made a thousand calls or ten million.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from analytics.meter_business import BusinessFreshness, business, business_freshness
from analytics.meter_costs import infrastructure_cost
from analytics.meter_health import failing_minutes
from analytics.meter_samples import LookBack, Rises, Together, gauge, rises
from analytics.meter_usage import UsageFreshness, count_or_cost, distinct_users, usage_freshness, worst_user
from analytics.wording import span_text
from roomleft.errors import PackError, RoomleftError
from roomleft.limits import Limit, Reading
from roomleft.packs import Pack
from roomleft.packs_meters import (
    BusinessMeter,
    CostMeter,
    CountMeter,
    DifferenceMeter,
    DistinctUsersMeter,
    FailingMinutesMeter,
    GaugeMeter,
    GrowthMeter,
    IncreaseMeter,
    InfrastructureCostMeter,
    Meter,
    PercentileMeter,
    PromqlMeter,
    RatioMeter,
    SqlMeter,
    TotalMeter,
)
from roomleft.packs_yaml import nearest
from roomleft.timespan import Period, Window, midnight
from warehouse.store import Store, as_rows

FRESH_FOR = timedelta(minutes=5)
DAY = timedelta(days=1)


def read(store: Store, pack: Pack, meter_id: str, limit: Limit, now: datetime) -> Reading:
    """What a meter of `pack` says for `limit`, in the meter's unit. Raises StoreError, PackError for an unknown meter."""
    return Meters(store, pack, now).read(meter_id, limit)


class Meters:
    """The meters of one pack at one instant; what several limits ask for is read once.

    `coarse` reads levels as means of whole days from hourly rollups, for looking back further than raw samples reach. `inside`: an instant in
    the window that is added up, where that is not the one holding `now`, as when a window's end is looked back on.
    """

    def __init__(self, store: Store, pack: Pack, now: datetime, *, coarse: bool = False, inside: datetime | None = None) -> None:
        self.store = store
        self.pack = pack
        self.now = now
        self.inside = inside or now
        self.coarse = coarse
        self._readings: dict[tuple[str, Window | None, bool], Reading] = {}
        self._series: list[dict[str, object]] | None = None
        self._usage: UsageFreshness | None = None
        self._business: BusinessFreshness | None = None
        self._past: dict[datetime, Meters] = {}
        self.past = LookBack()
        self.together = Together()

    def announce(self, meter_ids: Iterable[str]) -> None:
        """Say which meters will be read, with those they are made of: what is asked alike of several gauges is then asked once."""
        gauges = list[GaugeMeter]()
        for name in with_parts(self.pack, meter_ids):
            match self.pack.meters[name]:
                case GaugeMeter() as meter:
                    gauges.append(meter)
                case PromqlMeter() as meter:
                    gauges.append(answers_of(name, meter))
        self.together = Together(tuple(gauges))

    def at(self, instant: datetime) -> Meters:
        """The same meters as of an earlier instant, coarsely."""
        if instant not in self._past:
            other = Meters(self.store, self.pack, instant, coarse=True)
            other._series = self.series()
            other.past = self.past
            # What has come in by now says what there was then.
            other._usage = UsageFreshness(instant if self.usage().observed_at else None, self.usage().first_at)
            known = self.business()
            other._business = replace(known, observed_at=instant if known.observed_at else None)
            self._past[instant] = other
        return self._past[instant]

    def window_over(self, window: Window, end: datetime) -> Meters:
        """The same meters for the calendar window that ended at `end`."""
        other = Meters(self.store, self.pack, end, inside=end - timedelta(microseconds=1))
        other._series = self.series()
        known = self.usage()
        other._usage = UsageFreshness(min(end, known.observed_at) if known.observed_at else None, known.first_at)
        return other

    def meter(self, meter_id: str) -> Meter:
        """A meter of the pack. Raises PackError."""
        try:
            return self.pack.meters[meter_id]
        except KeyError:
            raise PackError(
                f"unknown meter '{meter_id}'", self.pack.slug, nearest(meter_id, self.pack.meters, "meters")
            ) from None

    def series(self) -> list[dict[str, object]]:
        """Every series of the platform."""
        if self._series is None:
            self._series = self.store.rows("meter_series", platform=self.pack.slug)
        return self._series

    def usage(self) -> UsageFreshness:
        """How fresh the platform's usage is."""
        if self._usage is None:
            self._usage = usage_freshness(self.store, self.pack, self.now)
        return self._usage

    def business(self) -> BusinessFreshness:
        """How fresh the platform's business days are."""
        if self._business is None:
            self._business = business_freshness(self)
        return self._business

    def stale_after(self, meter: Meter) -> timedelta:
        """How old a meter's data may be: as the pack says, else three readings, at least five minutes."""
        return meter.stale_after or max(FRESH_FOR, 3 * self.pack.interval)

    def span(self, meter: Meter, limit: Limit) -> tuple[datetime, datetime, Window]:
        """The instants [start, now) a meter adds up, and the window they belong to: its own `over`, else the limit's window."""
        over = getattr(meter, "over", None)
        if over is not None:
            window = Window(Period.ROLLING, span=max(over, DAY) if self.coarse else over)
        elif limit.window is not None:
            window = limit.window
        else:
            raise PackError(
                "the meter adds up but the limit has no window", limit.limit_id, "give the limit a window or the meter an over"
            )
        return window.bounds(self.now if window.span is not None else self.inside)[0], self.now, window

    def read(self, meter_id: str, limit: Limit) -> Reading:
        """What the meter says for the limit."""
        key = (meter_id, limit.window, limit.per_user)
        if key not in self._readings:
            self._readings[key] = self._read(meter_id, self.meter(meter_id), limit)
        return self._readings[key]

    def rises(self, meter: IncreaseMeter, start: datetime) -> Rises:
        """How a counter rose since `start`, step by step."""
        return rises(self, meter, start)

    def _read(self, meter_id: str, meter: Meter, limit: Limit) -> Reading:
        match meter:
            case CostMeter() | CountMeter():
                return worst_user(self, meter, limit) if limit.per_user else count_or_cost(self, meter, limit)
            case DistinctUsersMeter():
                return distinct_users(self, meter, limit)
            case GaugeMeter():
                return gauge(self, meter)
            case PromqlMeter():
                return gauge(self, answers_of(meter_id, meter))
            case BusinessMeter():
                return business(self, meter, limit)
            case IncreaseMeter():
                return self._increase(meter, limit)
            case FailingMinutesMeter():
                return failing_minutes(self, meter, limit)
            case InfrastructureCostMeter():
                return infrastructure_cost(self, meter, limit)
            case PercentileMeter():
                return self._percentile(meter)
            case SqlMeter():
                return self._sql(meter, limit)
            case RatioMeter():
                return self._ratio(meter, limit)
            case TotalMeter():
                return self._total(meter, limit)
            case DifferenceMeter():
                return self._difference(meter, limit)
            case GrowthMeter():
                return self._growth(meter, limit)

    def _increase(self, meter: IncreaseMeter, limit: Limit) -> Reading:
        start, _, _ = self.span(meter, limit)
        found = self.rises(meter, start)
        return found.reading(self.stale_after(meter), self.now)

    def _percentile(self, meter: PercentileMeter) -> Reading:
        over = max(meter.over, DAY) if self.coarse else meter.over
        name = "meter_percentile_1m" if over <= DAY and not self.coarse else "meter_percentile_1h"
        rows = self.store.rows(
            name,
            platform=self.pack.slug,
            since=self.now - over,
            until=self.now,
            provider=meter.provider,
            model=meter.model,
            share=float(meter.percent) / 100,
        )
        bucket = rows[0]["latency_bucket"] if rows else None
        fresh = self.usage()
        if bucket is None:
            return Reading(None, fresh.observed_at, self.stale_after(meter), reason="no calls with a latency in this time")
        # The geometric middle of a bucket is within 1 % of anything in it; the lowest bucket holds zero and below.
        amount = Decimal(0) if bucket <= -32768 else Decimal(repr(round(1.02 ** (bucket - 0.5), 6)))
        return Reading(amount, fresh.observed_at, self.stale_after(meter))

    def _sql(self, meter: SqlMeter, limit: Limit) -> Reading:
        start, end, _ = self.span(meter, limit)
        path = self.pack.folder / meter.file
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise PackError(f"cannot be read: {error.strerror}", str(path), "the query file stands beside the pack") from error
        for name, instant in (("$window_start", start), ("$window_end", end)):
            text = text.replace(name, f"TIMESTAMPTZ '{instant:%Y-%m-%d %H:%M:%S.%f}+00'")
        rows = as_rows(self.store.ask(text.strip().rstrip(";"), row_limit=2, see_users=True))
        if len(rows) != 1 or "value" not in rows[0]:
            raise PackError("the query must give one row with a column named value", str(path), f"it gave {len(rows)} rows")
        value, observed_at = rows[0]["value"], rows[0].get("observed_at") or self.now
        if value is None:
            return Reading(None, observed_at, self.stale_after(meter), reason="the query found nothing to go by")
        return Reading(Decimal(str(value)), observed_at, self.stale_after(meter))

    def _ratio(self, meter: RatioMeter, limit: Limit) -> Reading:
        part, whole = self.read(meter.part, limit), self.read(meter.whole, limit)
        joined = _joined(part, whole, now=self.now)
        if joined.amount is None:
            return joined
        assert part.amount is not None, "a joined reading has every amount"
        assert whole.amount is not None, "a joined reading has every amount"
        if whole.amount <= 0:
            named = self.meter(meter.whole)
            return _without(joined, f"no {(named.title or named.unit).replace('_', ' ')} in this time to divide by")
        scale = meter.scale if meter.scale is not None else Decimal(1)
        # What is divided by pulls the other way; a part or a scale below zero turns that round.
        up, down = _turned(whole) if part.amount >= 0 else (whole.lower_bound, whole.upper_bound)
        doubt = (part.lower_bound or up, part.upper_bound or down)
        return _with(joined, part.amount / whole.amount * scale, doubt if scale >= 0 else doubt[::-1])

    def _total(self, meter: TotalMeter, limit: Limit) -> Reading:
        parts = [self.read(name, limit) for name in meter.of]
        joined = _joined(*parts, now=self.now)
        if joined.amount is None:
            return joined
        doubt = (any(part.lower_bound for part in parts), any(part.upper_bound for part in parts))
        return _with(joined, sum((part.amount for part in parts if part.amount is not None), Decimal(0)), doubt)

    def _difference(self, meter: DifferenceMeter, limit: Limit) -> Reading:
        part, less = self.read(meter.part, limit), self.read(meter.less, limit)
        joined = _joined(part, less, now=self.now)
        if joined.amount is None:
            return joined
        assert part.amount is not None, "a joined reading has every amount"
        assert less.amount is not None, "a joined reading has every amount"
        up, down = _turned(less)
        return _with(joined, part.amount - less.amount, (part.lower_bound or up, part.upper_bound or down))

    def _growth(self, meter: GrowthMeter, limit: Limit) -> Reading:
        if isinstance(self.meter(meter.of), BusinessMeter):
            # Of today only a part has come: whole days are compared with whole days.
            zone = ZoneInfo(self.pack.zone)
            today = self.now.astimezone(zone).date()
            then = self.at(midnight(today - meter.over, zone))
            now = replace(
                self.at(midnight(today, zone)).over_last(meter.of, meter.over, limit), observed_at=self.business().observed_at
            )
        else:
            then = self.at(self.now - meter.over)
            now = self.over_last(meter.of, meter.over, limit)
        before = then.over_last(meter.of, meter.over, limit)
        if now.amount is None:
            return now
        span, named = span_text(meter.over), meter.of.replace("_", " ")
        whole = before.covers is None and before.observed_at is not None and before.observed_at >= then.now - max(meter.over, DAY)
        if before.amount is None or not whole:
            return _without(now, f"the {span} before the last {span} have no complete {named} to compare with")
        if before.amount <= 0:
            return _without(now, f"no {named} in the {span} before the last {span} to compare with")
        up, down = _turned(before) if now.amount >= 0 else (before.lower_bound, before.upper_bound)
        return _with(now, (now.amount / before.amount - 1) * 100, (now.lower_bound or up, now.upper_bound or down))

    def over_last(self, meter_id: str, over: timedelta, limit: Limit) -> Reading:
        """A meter over the last `over`: what adds up in a window of that length, what is read as its mean in that time."""
        meter = self.meter(meter_id)
        if isinstance(meter, (GaugeMeter, PromqlMeter, PercentileMeter)):
            return self._read(meter_id, meter.model_copy(update={"over": over}), limit)
        return self.read(meter_id, replace(limit, window=Window(Period.ROLLING, span=over), per_user=False))


def with_parts(pack: Pack, meter_ids: Iterable[str]) -> list[str]:
    """The meters of these names that a pack has, and all that they are made of, each once."""
    found, todo = dict[str, None](), list(meter_ids)
    while todo:
        name = todo.pop()
        if name in found or name not in pack.meters:
            continue
        found[name] = None
        match pack.meters[name]:
            case RatioMeter() as meter:
                todo += [meter.part, meter.whole]
            case DifferenceMeter() as meter:
                todo += [meter.part, meter.less]
            case TotalMeter() as meter:
                todo += meter.of
            case GrowthMeter() as meter:
                todo.append(meter.of)
    return list(found)


def answers_of(meter_id: str, meter: PromqlMeter) -> GaugeMeter:
    """The stored answers of a PromQL query, as the gauge they are read as."""
    return GaugeMeter(
        kind="gauge",
        unit=meter.unit,
        series=f"promql:{meter_id}",
        # An answer comes each `step`, so a shorter span may hold none.
        over=max(meter.over, 2 * meter.step),
        over_time=meter.over_time,
        across=meter.across,
        scale=meter.scale,
        stale_after=meter.stale_after or max(FRESH_FOR, 3 * meter.step),
    )


def priced_per(meters: Meters, limit: Limit) -> tuple[Limit, Reading | None]:
    """A limit whose amount is for each of something, with its amount worked out; and a reading without amount when it cannot be."""
    if limit.amount_per is None:
        return limit, None
    try:
        per = meters.read(limit.amount_per, limit)
    except RoomleftError as error:
        return limit, Reading(None, None, FRESH_FOR, reason=f"how much there may be cannot be told: {error.what}")
    if per.amount is None:
        return limit, _without(per, per.reason)
    if per.amount <= 0:
        named = meters.meter(limit.amount_per)
        return limit, _without(per, f"no {(named.title or named.unit).replace('_', ' ')} in the window yet")
    return replace(limit, amount=limit.amount * per.amount), None


def rolled_over(meters: Meters, limit: Limit) -> tuple[Limit, bool]:
    """A limit with what its last window left of its own amount added, and whether that may be too much: part of that use has no price.

    Carried is max(0, amount at the last window's end - use in it): what the last window had itself been given lapses, overspend is not carried,
    and a window that data does not cover from its beginning carries nothing. Worked out anew each time, so late data corrects it. Raises StoreError.
    """
    if not limit.rollover or limit.window is None or limit.window.span is not None:
        return limit, False
    end = limit.window.bounds(meters.now)[0]
    last = meters.window_over(limit.window, end).read(limit.meter_id, limit)
    if last.amount is None or last.covers is not None:
        return limit, False
    left = max(Decimal(0), limit.amount_at(end - timedelta(microseconds=1)) - last.amount)
    return replace(limit, amount=limit.amount + left), last.lower_bound and left > 0


def _joined(*parts: Reading, now: datetime) -> Reading:
    """The staleness and reasons of several readings in one; its amount is 0, or None if any has none. Whose bounds it has depends on the sum."""
    for part in parts:
        if part.amount is None:
            return part
    # One old part makes the whole old.
    oldest = min(parts, key=lambda part: (part.observed_at is not None and not part.is_stale(now), part.observed_at or now))
    covers = [part.covers for part in parts if part.covers is not None]
    return Reading(
        Decimal(0),
        oldest.observed_at,
        oldest.stale_after,
        covers=min(covers) if covers else None,
    )


def _with(reading: Reading, amount: Decimal, doubt: tuple[bool, bool]) -> Reading:
    """The reading with another amount. `doubt`: whether the true one may be higher, and lower."""
    return replace(reading, amount=amount, lower_bound=doubt[0], upper_bound=doubt[1])


def _turned(reading: Reading) -> tuple[bool, bool]:
    """The doubt that a reading brings to what it is subtracted from, or divides."""
    return reading.upper_bound, reading.lower_bound


def _without(reading: Reading, reason: str) -> Reading:
    return replace(reading, amount=None, reason=reason)
