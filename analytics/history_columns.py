"""What meters read at each of many instants of the past, a column at a time: from readings and rollups, as of their observed time.

Best effort where the past cannot be known any more: what a quarter hour used is spread evenly over it, and what is kept by the day is worked out
once a day. Each such thing is noted in words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from analytics.conditions_series import HERE, Desk, batch_of, plan_of
from analytics.conditions_tape import Floats, Instants, Ints, instant_of, micros, span_us, us
from analytics.conditions_view import Scene
from analytics.history_tapes import HistoryDesk
from analytics.meter_costs import infrastructure_usd
from analytics.meter_health import bad_minutes
from analytics.meter_usage import filters, usage_steps
from analytics.meters import Meters, answers_of
from roomleft.errors import PackError, RoomleftError
from roomleft.limits import Limit
from roomleft.packs import Pack
from roomleft.packs_meters import (
    CostMeter,
    CountMeter,
    DifferenceMeter,
    DistinctUsersMeter,
    FailingMinutesMeter,
    GaugeMeter,
    IncreaseMeter,
    InfrastructureCostMeter,
    Meter,
    PercentileMeter,
    PromqlMeter,
    RatioMeter,
    TotalMeter,
)
from roomleft.rules import Rule
from roomleft.rules_when import SeriesIs
from roomleft.timespan import Period, Window, local_days, midnight

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
QUARTER_US, HOUR_US, MINUTE_US = span_us(timedelta(minutes=15)), span_us(HOUR), span_us(timedelta(minutes=1))
EPOCH_DAY = date(1970, 1, 1)
MOST_READS = 45
LOWEST = -32768
DeskOf = Callable[[Ints, int], Desk]
HistoryDeskOf = Callable[[Ints, int], HistoryDesk]
AS_NOW = "as the data is now, not as it had arrived"
Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Column:
    """A meter's figure at each instant; NaN where it cannot be told, for the reason in words."""

    amount: Floats
    why: str = "it cannot be told"


class Columns:
    """The meters of one pack at the instants of a scene. `rule` is asked for its platform only."""

    def __init__(
        self, scene: Scene, pack: Pack, instants: Instants, rule: Rule, desk: DeskOf, history_desk: HistoryDeskOf, *, live: bool
    ) -> None:
        self.scene, self.pack, self.instants, self.rule = scene, pack, instants, rule
        self.desk, self.history_desk, self.live = desk, history_desk, live
        self._steps: dict[int, tuple[int, Sequence[tuple[datetime, Decimal]]]] = {}
        self.meters = Meters(scene.view.store, pack, instant_of(int(instants.at[-1])))
        self.notes: dict[tuple[str, Window | None], list[str]] = {}
        self._read: dict[tuple[str, Window | None], Column] = {}
        self._noting: list[Note] = []

    def note(self, words: str) -> None:
        """Noted of whatever is being read."""
        for each in self._noting:
            each(words)

    @contextmanager
    def noting(self, note: Note) -> Iterator[None]:
        """What is noted meanwhile is told here too."""
        self._noting.append(note)
        try:
            yield
        finally:
            self._noting.pop()

    def read(self, meter_id: str, limit: Limit) -> Column:
        """What a meter says for a limit, at each instant. Raises PackError for a meter that cannot be read at all."""
        key = (meter_id, limit.window)
        if key not in self._read:
            self.notes[key] = []
            with self.noting(self.notes[key].append):
                self._read[key] = self._column(meter_id, self.meters.meter(meter_id), limit)
        for words in dict.fromkeys(self.notes[key]):
            self.note(words)
        return self._read[key]

    def read_over(self, meter_id: str, over: timedelta, limit: Limit) -> Column:
        """A meter that is read, over another length of time."""
        return self._column(meter_id, self.meters.meter(meter_id).model_copy(update={"over": over}), limit)

    def _column(self, meter_id: str, meter: Meter, limit: Limit) -> Column:
        if limit.per_user:
            return self._nothing("what each user used is not kept by the minute")
        if self.live and not isinstance(meter, GaugeMeter | PromqlMeter | RatioMeter | TotalMeter | DifferenceMeter):
            self.note(f"{meter_id.replace('_', ' ')} {AS_NOW}")
        match meter:
            case GaugeMeter():
                return self._gauge(meter)
            case PromqlMeter():
                return self._gauge(answers_of(meter_id, meter))
            case IncreaseMeter():
                return self.risen(meter, self.starts(meter, limit), by_hours=True)
            case CostMeter() | CountMeter():
                return self.used(meter, self.starts(meter, limit))
            case FailingMinutesMeter():
                return self._failing(meter, limit)
            case InfrastructureCostMeter():
                return self._infrastructure(meter, limit)
            case PercentileMeter():
                return self._percentile(meter)
            case RatioMeter():
                part, whole = self.read(meter.part, limit), self.read(meter.whole, limit)
                with np.errstate(divide="ignore", invalid="ignore"):
                    found = part.amount / np.where(whole.amount > 0, whole.amount, np.nan)
                return Column(found * float(meter.scale if meter.scale is not None else 1), part.why)
            case TotalMeter():
                parts = [self.read(name, limit) for name in meter.of]
                return Column(np.sum([part.amount for part in parts], axis=0), parts[0].why)
            case DifferenceMeter():
                first, less = self.read(meter.part, limit), self.read(meter.less, limit)
                return Column(first.amount - less.amount, first.why)
            case DistinctUsersMeter():
                return self._users(meter, limit)
            case _:
                return self._by_day(meter_id, limit)

    def _nothing(self, why: str) -> Column:
        self.note(why)
        return Column(np.full(len(self.instants), np.nan), why)

    # Spans

    def starts(self, meter: Meter, limit: Limit) -> Ints:
        """Where the window that is added up begins, at each instant."""
        over = getattr(meter, "over", None)
        at = self.instants.at
        if over is not None:
            return at - span_us(over)
        if limit.window is None:
            raise PackError("the meter adds up but the limit has no window", limit.limit_id)
        if limit.window.span is not None:
            return at - span_us(limit.window.span)
        return window_starts(limit.window, at)[0]

    # Readings

    def _gauge(self, meter: GaugeMeter) -> Column:
        leaf = SeriesIs(
            series=meter.series, component=meter.component, labels=meter.labels, over=meter.over, over_time=meter.over_time,
            across=meter.across, scale=meter.scale, above=Decimal(0),
        )  # fmt: skip
        known = self.scene.catalogue({meter.series})
        places = plan_of(known, leaf, self.pack.slug).places
        if not len(places):
            return self._nothing(f"no series {meter.series} has been seen")
        desk = self.desk(places, span_us(meter.over))
        found = batch_of(desk, [(leaf, self.rule)]).total[0]
        self._note_desk(desk)
        return Column(found, f"no readings of {meter.series}")

    def risen(self, meter: IncreaseMeter, since: Ints, *, by_hours: bool = False) -> Column:
        """How far a counter's series rose from each of these instants on, together. `by_hours`: from whole hours, as long windows are asked live."""
        leaf = SeriesIs(series=meter.series, component=meter.component, labels=meter.labels, above=Decimal(0))
        known = self.scene.catalogue({meter.series})
        places = plan_of(known, leaf, self.pack.slug).places
        if not len(places):
            return self._nothing(f"no series {meter.series} has been seen")
        desk = self.history_desk(places, int((self.instants.at - since).max()) + 2 * HOUR_US)
        if by_hours:
            this_hour = self.instants.at // HOUR_US * HOUR_US
            since = np.where(since >= this_hour - HOUR_US, since, since // HOUR_US * HOUR_US)
        rises = desk.rise(since, self.instants.at)
        told = ~np.isnan(rises).all(axis=0) & (desk.codes() == HERE).any(axis=0)
        self._note_desk(desk)
        return Column(np.where(told, np.nansum(rises, axis=0), np.nan), f"no readings of {meter.series}")

    def _note_desk(self, desk: Desk) -> None:
        for words in desk.noted if isinstance(desk, HistoryDesk) and not self.live else ():
            self.note(words)

    # Usage

    def used(self, meter: CostMeter | CountMeter, since: Ints) -> Column:
        """What was used from each of these instants on."""
        steps = self._used_steps(meter, int(since.min()))
        if not steps:
            return self._nothing("no usage in this time")
        edges = np.array([us(at) for at, _ in steps], dtype=np.int64)
        used = np.array([float(amount) for _, amount in steps])
        self.note("usage by quarter hours, spread evenly over each")
        length = span_us(DAY) if meter.where.user is not None else QUARTER_US
        found = poured(edges, used, length, self.instants.at) - poured(edges, used, length, since // QUARTER_US * QUARTER_US)
        found = np.where(self.instants.at < edges[0], np.nan, np.maximum(found, 0.0))
        return Column(found, "no usage had come in yet")

    def _used_steps(self, meter: CostMeter | CountMeter, since_us: int) -> Sequence[tuple[datetime, Decimal]]:
        """What was used in each quarter hour from an instant on; read once for the longest span asked."""
        kept = self._steps.get(id(meter))
        if kept is None or kept[0] > since_us:
            end = instant_of(int(self.instants.at[-1])) + timedelta(microseconds=1)
            kept = since_us, usage_steps(self.meters, meter, instant_of(since_us), end)
            self._steps[id(meter)] = kept
        return kept[1]

    def _infrastructure(self, meter: InfrastructureCostMeter, limit: Limit) -> Column:
        since = self.starts(meter, limit)
        zone = ZoneInfo(self.pack.costs.zone if self.pack.costs is not None else "UTC")
        first, last = instant_of(int(since.min())), instant_of(int(self.instants.at[-1]))
        knots = [first, *(start for _, start, _ in local_days(first, last, zone) if first < start < last), last]
        sums = np.cumsum([0.0, *(float(infrastructure_usd(self.pack, a, b, meter.parts)) for a, b in pairwise(knots))])
        at = np.array([us(knot) for knot in knots], dtype=np.float64)
        return Column(np.interp(self.instants.at, at, sums) - np.interp(since, at, sums))

    # Health and latency

    def _failing(self, meter: FailingMinutesMeter, limit: Limit) -> Column:
        since = self.starts(meter, limit)
        bad = np.array([us(minute) for minute in bad_minutes(self.meters, meter, instant_of(int(since.min())))], dtype=np.int64)
        seen = self.scene.query("alert_health_first", platform=self.pack.slug, components=list(meter.components))["first_at"][
            0
        ].as_py()
        if seen is None:
            return self._nothing(f"no health checks of {' or '.join(meter.components)}")
        found = np.searchsorted(bad, self.instants.at) - np.searchsorted(bad, since)
        return Column(np.where(self.instants.at < us(seen), np.nan, found.astype(np.float64)), "no health checks had come in yet")

    def _percentile(self, meter: PercentileMeter) -> Column:
        over = span_us(meter.over)
        since = instant_of(int(self.instants.at[0]) - over)
        table = self.scene.query(
            "alert_latency", platform=self.pack.slug, since=since, until=instant_of(int(self.instants.at[-1])),
            provider=meter.provider, model=meter.model,
        )  # fmt: skip
        if not table.num_rows:
            return self._nothing("no calls with a latency in this time")
        if bool(table["is_hour"].to_numpy(zero_copy_only=False).any()):
            self.note("latencies by the hour where minutes are gone")
        return Column(
            percentiles(table, self.instants.at, over, float(meter.percent) / 100), "no calls with a latency in this time"
        )

    def _users(self, meter: DistinctUsersMeter, limit: Limit) -> Column:
        """How many users there were on whole days, up to the end of the day before."""
        window = Window(Period.ROLLING, span=meter.over) if meter.over is not None else limit.window
        if window is None:
            raise PackError("the meter adds up but the limit has no window", limit.limit_id)
        zone = ZoneInfo(self.pack.zone) if window.span is not None else window.zone
        first, last = (instant_of(int(self.instants.at[k])).astimezone(zone).date() for k in (0, -1))
        reach = max(1, round(window.span / DAY)) if window.span is not None else 366
        begin = first - timedelta(days=reach + 1)
        table = self.scene.query(
            "alert_user_days",
            zone=zone.key,
            platform=self.pack.slug,
            since=begin,
            until=last,
            **filters(meter.where, per_user=True),
        )
        if not table.num_rows:
            return self._nothing("no usage in this time")
        self.note("users by whole days")
        user, day = (
            table["user"].to_numpy(),
            (table["day"].cast(pa.int32()).to_numpy() - (begin - EPOCH_DAY).days).astype(np.int64),
        )
        days = (last - begin).days + 1
        # Each day of a user counts until the window has left it behind, or that user's next day takes over.
        period_ends = np.array(
            [_left_behind(window, begin + timedelta(days=n), reach, zone, begin) for n in range(days)], dtype=np.int64
        )
        ends = period_ends[day]
        same = np.r_[user[1:] == user[:-1], False]
        ends[same] = np.minimum(ends[same], day[1:][same[:-1]])
        change = np.zeros(days + reach + 2)
        np.add.at(change, day, 1)
        np.add.at(change, np.minimum(ends, len(change) - 1), -1)
        counts = np.cumsum(change)
        local = np.array([us(midnight(begin + timedelta(days=n), zone)) for n in range(days + 1)], dtype=np.int64)
        today = np.searchsorted(local, self.instants.at, "right") - 1
        return Column(np.where(today > int(day.min()), counts[np.maximum(today - 1, 0)], np.nan), "no usage had come in yet")

    def _by_day(self, meter_id: str, limit: Limit) -> Column:
        """A meter whose figure is kept by the day: read at some days' beginnings, as it stood then."""
        zone = ZoneInfo(self.pack.zone)
        days = local_days(instant_of(int(self.instants.at[0])), instant_of(int(self.instants.at[-1]) + 1), zone)
        every = -(-len(days) // MOST_READS)
        self.note("worked out once a day" if every == 1 else f"worked out every {every} days")
        found = np.full(len(self.instants), np.nan)
        for _, start, _ in days[::every]:
            meters = Meters(self.scene.view.store, self.pack, start, inside=start - timedelta(microseconds=1))
            try:
                amount = meters.read(meter_id, limit).amount
            except RoomleftError:
                amount = None
            found[self.instants.at >= us(start)] = np.nan if amount is None else float(amount)
        return Column(found)


def _left_behind(window: Window, day: date, reach: int, zone: ZoneInfo, begin: date) -> int:
    """The first day, counted from `begin`, whose window does not hold a day any more."""
    if window.span is not None:
        return (day - begin).days + reach
    end = window.bounds(midnight(day, zone))[1]
    return (end.astimezone(zone).date() - begin).days


def poured(edges: Ints, amounts: Floats, length_us: int, at: Ints) -> Floats:
    """How much had come by each instant, what came in a step from its edge on being spread evenly over its length."""
    total = np.r_[0.0, np.cumsum(amounts)]
    done = np.searchsorted(edges, at, "right") - 1
    inside = np.clip((at - edges[np.maximum(done, 0)]) / length_us, 0.0, 1.0)
    found: Floats = np.where(done < 0, 0.0, total[np.maximum(done, 0)] + inside * amounts[np.maximum(done, 0)])
    return found


def window_starts(window: Window, at: Ints) -> tuple[Ints, Ints]:
    """The calendar window that holds each instant: where it begins and ends."""
    starts, ends = np.zeros(len(at), dtype=np.int64), np.zeros(len(at), dtype=np.int64)
    done = 0
    while done < len(at):
        start, end = window.bounds(instant_of(int(at[done])))
        following = int(np.searchsorted(at, us(end)))
        starts[done:following], ends[done:following] = us(start), us(end)
        done = max(following, done + 1)
    return starts, ends


def percentiles(table: pa.Table, at: Ints, over_us: int, share: float) -> Floats:
    """A percentile of latency in the last `over_us` of each instant, from counts by minute and bucket. Worked out a day at a time."""
    minute, bucket = micros(table["bucket"]), table["latency_bucket"].to_numpy().astype(np.int64)
    count = table["count"].to_numpy().astype(np.float64)
    kinds, column = np.unique(bucket, return_inverse=True)
    found = np.full(len(at), np.nan)
    block = span_us(DAY)
    for begin in range(int(at[0]) // block * block, int(at[-1]) + 1, block):
        mine = np.flatnonzero((at >= begin) & (at < begin + block))
        if not len(mine):
            continue
        low, high = np.searchsorted(minute, [int(at[mine[0]]) - over_us - MINUTE_US, int(at[mine[-1]])])
        minutes, row = np.unique(minute[low:high], return_inverse=True)
        grid = np.zeros((len(minutes) + 1, len(kinds)))
        np.add.at(grid, (row + 1, column[low:high]), count[low:high])
        summed = np.cumsum(grid, axis=0)
        # A minute counts once it has begun, as where it is asked for live.
        window = summed[np.searchsorted(minutes, at[mine])] - summed[np.searchsorted(minutes, at[mine] - over_us)]
        below = np.cumsum(window, axis=1)
        total = below[:, -1]
        place = (below < share * total[:, None]).sum(axis=1)
        value = np.where(
            kinds[np.minimum(place, len(kinds) - 1)] <= LOWEST, 0.0, 1.02 ** (kinds[np.minimum(place, len(kinds) - 1)] - 0.5)
        )
        found[mine] = np.where(total > 0, np.round(value, 6), np.nan)
    return found
