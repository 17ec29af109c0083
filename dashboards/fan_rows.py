"""What a fan chart shows, read off a limit's futures by the same courses as its chance and its dates (`analytics.forecasting.questions`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from analytics.forecasting.futures import Futures
from analytics.forecasting.limit import read_until_s
from analytics.forecasting.questions import DAY_S, Course, edges_s, filling, reading_on, rolling
from dashboards.figures.fan_chart import Fan
from dashboards.limit_rows import LimitRow
from roomleft.outlook import Shape

Floats = npt.NDArray[np.float64]
DAY = timedelta(days=1)
SHARES = (0.1, 0.5, 0.9)
AHEAD = timedelta(days=30)
LONGEST_AHEAD = timedelta(days=90)
BACK_DAYS = 45
SHORT_WINDOW = timedelta(days=1, hours=2)
"""A window of a day has nothing to add up: its days are shown one by one."""
EARLY = 3
"""In the first third of a window the one before is shown too."""
Points = list[tuple[datetime, float | None]]
Band = list[tuple[datetime, float, float, float]]


def limit_fan(row: LimitRow, futures: Futures, now: datetime) -> Fan | None:
    """The fan of a limit; None without a reading."""
    used, window = row.headroom.used, row.limit.window
    if used is None or not futures.values.size:
        return None
    unit, amount = row.limit.unit, float(row.headroom.amount)
    reading, now_s = float(used), now.timestamp()
    read_s = read_until_s(row.limit, row.headroom.observed_at, now)
    if futures.shape is Shape.FLOW and window is not None and window.span is None:
        start, end = window.bounds(now)
        if end - start <= SHORT_WINDOW:
            return _by_day(row, futures, reading, now)
        ahead = band(filling(futures, reading, now_s, end.timestamp(), read_s))
        past = _added_up(futures, (start, end), now)
        before = window.previous(now)
        refills = [end]
        if now - start < (end - start) / EARLY and (earlier := _added_up(futures, before, now)):
            past = [*earlier, (start, None), *past]
            refills.insert(0, start)
        return Fan([*past, (now, reading)], ahead, unit, amount, refills, note="used within the window so far")
    until = now + _ahead(row, futures, now)
    if futures.shape is Shape.FLOW and window is not None and window.span is not None and window.span >= DAY:
        span_s = window.span.total_seconds()
        past = [*_trailing(futures, span_s, now), (now, reading)]
        ahead = band(rolling(futures, reading, now_s, until.timestamp(), span_s, read_s))
        return Fan(past, ahead, unit, amount, note=f"used over the last {window.span.days or 1} days, at each day's end")
    # A few hours of something that adds up: an even part of the day stands for them.
    hours = window.span / DAY if futures.shape is Shape.FLOW and window is not None and window.span is not None else 1.0
    level = replace(futures, shape=Shape.LEVEL, values=futures.values * np.float32(hours), past=futures.past * hours)
    past = [*days_past(level, BACK_DAYS), (now, reading)]
    if window is None:
        end_s = until.timestamp()
        course = _onward(row, level, reading, now_s, _reaches_s(futures)).until(end_s)
    else:
        end_s = (window.refills_at(now) or now + AHEAD).timestamp()
        course = _onward(row, level, reading, now_s, min(end_s, _reaches_s(futures)))
    ahead = band(course)
    return Fan(
        [each for each in past if each[0] <= now], ahead, unit, amount, from_zero=False, note="by day, and the reading now"
    )


def _onward(row: LimitRow, futures: Futures, reading: float, now_s: float, end_s: float) -> Course:
    """The course of a level. Of a floor the paths are mirrored, as trouble lies below and a reading's safe side above."""
    if not row.is_floor:
        return reading_on(futures, reading, now_s, end_s)
    mirrored = replace(futures, values=-futures.values, past=-futures.past)
    course = reading_on(mirrored, -reading, now_s, end_s)
    return Course(course.at_s, -course.values)


def _ahead(row: LimitRow, futures: Futures, now: datetime) -> timedelta:
    """How far ahead a stock's chart goes: 30 days, further where it runs out within what the futures tell."""
    last = row.headroom.exhausts_p90 or row.headroom.exhausts_p50
    wanted = max(AHEAD, min((last - now) * 1.1, LONGEST_AHEAD)) if last is not None else AHEAD
    return min(wanted, timedelta(seconds=max(_reaches_s(futures) - now.timestamp(), DAY_S)))


def _reaches_s(futures: Futures) -> float:
    """The end of the last day that the futures tell of."""
    return float(edges_s(futures.first_day, futures.values.shape[1], futures.zone)[-1])


def band(course: Course) -> Band:
    """p10, p50 and p90 of a course at each of its instants."""
    low, middle, high = np.quantile(course.values, SHARES, axis=0)
    return [
        (datetime.fromtimestamp(float(at), UTC), float(a), float(b), float(c))
        for at, a, b, c in zip(course.at_s, low, middle, high, strict=True)
    ]


def _edges(futures: Futures) -> Floats:
    """Where the days of the past begin, and where the last one ends."""
    back = len(futures.past)
    return edges_s(futures.first_day - timedelta(days=back), back, futures.zone)


def _totals(futures: Futures) -> Floats:
    """What each day of the past really added up to: the values are for days of 24 hours."""
    return np.asarray(futures.past * np.diff(_edges(futures)) / DAY_S, dtype=np.float64)


def days_past(futures: Futures, days: int) -> Points:
    """The last days of the past, each at its middle; None where unknown."""
    edges = _edges(futures)
    middles = (edges[:-1] + edges[1:]) / 2
    flow = futures.shape is Shape.FLOW
    values = _totals(futures) if flow else futures.past
    return [(_at(at), _known(value)) for at, value in zip(middles[-days:], values[-days:], strict=True)]


def _added_up(futures: Futures, span: tuple[datetime, datetime], now: datetime) -> Points:
    """What was used since a window's start, at each day's end; empty where its first days are not known."""
    if not len(futures.past):
        return []
    edges, totals = _edges(futures), _totals(futures)
    start_s, end_s = span[0].timestamp(), min(span[1], now).timestamp()
    inside = (edges[:-1] >= start_s - 1) & (edges[1:] <= end_s + 1)
    if not inside.any() or abs(edges[:-1][inside][0] - start_s) > 1:
        return []
    running = np.cumsum(totals[inside])
    return [(span[0], 0.0), *((_at(at), _known(value)) for at, value in zip(edges[1:][inside], running, strict=True))]


def _trailing(futures: Futures, span_s: float, now: datetime) -> Points:
    """What the span before each day's end had used, where all of it is known."""
    days = max(1, round(span_s / DAY_S))
    totals, edges = _totals(futures), _edges(futures)
    if len(totals) < days:
        return []
    running = np.concatenate(([0.0], np.cumsum(totals)))
    sums, ends = running[days:] - running[:-days], edges[days:]
    return [
        (_at(at), _known(value)) for at, value in zip(ends[-BACK_DAYS:], sums[-BACK_DAYS:], strict=True) if at <= now.timestamp()
    ]


def _by_day(row: LimitRow, futures: Futures, reading: float, now: datetime) -> Fan:
    """A daily allowance: each day's total against its own amount."""
    window = row.limit.window
    assert window is not None, "the caller asks only of a window"
    past = days_past(futures, BACK_DAYS)
    ahead: Band = []
    if past and past[-1][1] is not None:
        ahead.append((past[-1][0], past[-1][1], past[-1][1], past[-1][1]))
    start, end = window.bounds(now)
    today = band(
        filling(futures, reading, now.timestamp(), end.timestamp(), read_until_s(row.limit, row.headroom.observed_at, now))
    )[-1]
    ahead.append((start + (end - start) / 2, *today[1:]))
    edges = edges_s(futures.first_day, futures.values.shape[1], futures.zone)
    totals = futures.values * np.diff(edges) / DAY_S
    low, middle, high = np.quantile(totals, SHARES, axis=0)
    for n, (first, last) in enumerate(pairwise(edges)):
        if first >= end.timestamp() - 1 and len(ahead) < 16:
            ahead.append((_at((first + last) / 2), float(low[n]), float(middle[n]), float(high[n])))
    note = "each day's total; its amount comes back at midnight"
    return Fan(past, ahead, row.limit.unit, float(row.headroom.amount), note=note)


def series_fan(past: Points, points: Sequence[dict[str, object]], unit: str, *, flow: bool) -> Fan:
    """The fan of a forecast's own days: what was by day, and p10, p50, p90 of each day ahead. `points`: rows of forecast_points."""
    ahead: Band = []
    for row in points:
        first, last = row["about_at"], row["about_to"]
        assert isinstance(first, datetime), "an instant as stored"
        assert isinstance(last, datetime), "an instant as stored"
        ahead.append((first + (last - first) / 2, *(float(str(row[name])) for name in ("p10", "p50", "p90"))))  # type: ignore[arg-type]
    return Fan(past, ahead, unit, None, from_zero=flow, note="whole days; today's is not drawn" if flow else "by day")


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
