"""Behind the charts of room: a limit's past and futures, a forecast's days, the room of the last week, an SLO's budget, and how chances kept their word."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from analytics.forecasting.track_record import track_record
from dashboards import reads, wording
from dashboards.charts.frame import AT, FILLING, FROM, SERIES, STATE, WHOLE, Column, Frame, long_rows, value_column
from dashboards.fan_rows import BACK_DAYS, days_past, series_fan
from dashboards.figures.fan_chart import Fan
from dashboards.filters import Filters
from dashboards.forecast_rows import forecasts, futures_of, points
from dashboards.limit_rows import LimitRow
from dashboards.pages.capacity import fans_of
from dashboards.parts import Parts
from dashboards.record_rows import interval
from dashboards.slo_rows import history
from roomleft.errors import InputError
from roomleft.outlook import Made

HISTORY = timedelta(days=7)
PAST = "was"


def fan_rows(fan: Fan) -> list[list[object]]:
    """A fan's points: what was, then p10, p50 and p90 of the futures."""
    ahead = {
        "p10": [(at, low) for at, low, _, _ in fan.ahead],
        "p50": [(at, middle) for at, _, middle, _ in fan.ahead],
        "p90": [(at, high) for at, _, _, high in fan.ahead],
    }
    rows = [[at, name, value, "was"] for at, name, value, _ in long_rows({PAST: fan.past})]
    return [*rows, *([at, name, value, "may be"] for at, name, value, _ in long_rows(ahead))]


def _limit(parts: Parts, filters: Filters, now: datetime) -> LimitRow:
    wanted = filters.get("limit")
    found = next((row for row in reads.limits(parts.store, parts.packs, now, parts.slack) if row.key == wanted), None)
    if found is None:
        raise InputError(f"no pack has a limit {wanted[:100]!r}", "limit", "open the file from the chart's own menu")
    return found


def fan(parts: Parts, filters: Filters, now: datetime) -> Frame:
    """Where a limit's meter has been and may go. Raises InputError, StoreError."""
    row = _limit(parts, filters, now)
    drawn = fans_of(parts, [row], now).get(row.key)
    if drawn is None:
        raise InputError(f"{row.key} has no forecast", "limit", "see Capacity, Forecasts")
    note = f"{drawn.note}; the limit is {wording.with_unit(row.headroom.amount, row.limit.unit)}; p10 to p90 hold 80 % of the futures"
    columns = (AT, SERIES, value_column("value", row.limit.unit), Column("known", "Known"))
    return Frame(f"{row.limit.title}, {row.limit.platform}", columns, fan_rows(drawn), filters.zone, note)


def forecast(parts: Parts, filters: Filters, now: datetime) -> Frame:
    """A forecast's days, and the days behind it. Raises InputError, StoreError."""
    wanted = filters.get("target")
    row = next((each for each in forecasts(parts, filters.platform) if each.target == wanted), None)
    if row is None:
        raise InputError(f"nothing is forecast under {wanted[:100]!r}", "target", "see Capacity, Forecasts")
    futures, unit = futures_of(parts, wanted), str(row.run["unit"])
    drawn = series_fan(days_past(futures, BACK_DAYS) if futures is not None else [], points(parts, row), unit, flow=row.flow)
    columns = (AT, SERIES, value_column("value", unit), Column("known", "Known"))
    return Frame(
        f"{row.title}, {row.run['platform']}", columns, fan_rows(drawn), filters.zone, f"{drawn.note}; each day at its middle"
    )


def room(parts: Parts, filters: Filters, now: datetime) -> Frame:
    """A limit's room by hour over the last seven days, as it was measured. Raises InputError, StoreError."""
    row = _limit(parts, filters, now)
    found: list[Sequence[object]] = [
        [
            each["bucket_start"],
            each["fraction_left"],
            each["state"],
            FILLING if now - each["bucket_start"] < timedelta(hours=1) else WHOLE,
        ]
        for each in reads.limit_history(parts.store, row.key, now, HISTORY)
    ]
    columns = (FROM, value_column("fraction_left", "ratio"), Column("standing", "Standing"), STATE)
    return Frame(
        f"Room left of {row.limit.title}, {row.limit.platform}", columns, found, filters.zone, "The last measurement of each hour"
    )


def slo(parts: Parts, filters: Filters, now: datetime) -> Frame:
    """The share of an SLO's error budget that was left, over its window. Raises InputError, StoreError."""
    wanted = filters.get("slo")
    own = parts.slos().get(wanted)
    if own is None:
        raise InputError(f"there is no SLO {wanted[:100]!r}", "slo", "see SLOs")
    rows = [[at, left] for at, left in history(parts, own, now)]
    return Frame(
        f"Error budget left, {own.title}", (AT, value_column("budget_left", "ratio")), rows, filters.zone, "Over the SLO's window"
    )


def chances(parts: Parts, filters: Filters, now: datetime) -> Frame:
    """Chances that were said, by tenth, and how often it happened. Raises StoreError."""
    only = None if filters.platform is None else [filters.platform]
    found = track_record(parts.store, platforms=only).reliability
    asked = filters.get("made")
    rows: list[Sequence[object]] = [
        [made.value, each.said, each.happened, *interval(each), each.claims]
        for made in Made
        if asked in ("", made.value)
        for each in found.get(made, ())
        if each.claims
    ]
    columns = (
        Column("made", "Made"), value_column("said", "ratio"), value_column("happened", "ratio"),
        Column("happened_low_ratio", "from"), Column("happened_high_ratio", "to"), value_column("claims", ""),
    )  # fmt: skip
    return Frame("Chances said against what happened", columns, rows, filters.zone, "From and to: a 90 % interval")
