"""The chart that explains an alert, drawn on the server: the reading its rule compares, the limit, the stretch it fired, deploys."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from alerts.lifecycle import identity
from dashboards import wording
from dashboards.figures.deploy_marks import deploy_labels
from dashboards.parts import Parts
from roomleft.rules import Rule
from roomleft.timespan import midnight

POINTS = 60
LEAST_POINTS = 2
BUDGET_S = 1.2
"""What asking for a chart's points may take: the page is for somebody who was woken."""
REMEMBERED = 20_000
SETTLES = timedelta(minutes=2)
"""What is newer may still change as data comes in, and is asked again."""
GRID = tuple(timedelta(seconds=each) for each in (60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800))
WIDTH, HEIGHT = 600, 160
LEAST, MOST = timedelta(hours=1), timedelta(days=7)
STYLE = """
.chart{position:relative;margin:18px 0 4px;padding:0 0 18px}.chart svg{display:block;width:100%;height:160px;overflow:visible}
.chart .y{position:absolute;left:0;font-size:11px;line-height:14px;color:var(--dim);background:var(--surface);padding-right:4px;border-radius:2px}
.chart .x{position:absolute;bottom:0;font-size:11px;line-height:16px;color:var(--dim);transform:translateX(-50%);white-space:nowrap}
.chart .d{position:absolute;top:-16px;font-size:11px;line-height:14px;color:var(--dim);white-space:nowrap;transform:translateX(-50%)}
.chart .d.left{transform:none}.chart .d.right{transform:translateX(-100%)}
.chart .limit{position:absolute;right:0;font-size:11px;line-height:14px;background:var(--surface);padding:0 2px;font-weight:500}
"""


@dataclass(frozen=True, slots=True)
class Point:
    """What the rule said of this alert at an instant: the reading and its line, and whether it held (None: nobody knows)."""

    at: datetime
    value: float | None
    line: float | None
    holds: bool | None


def span_of(since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """What the chart shows: as long before the trouble as it has lasted, an hour at least and a week at most."""
    before = min(max(until - since, LEAST), MOST)
    return max(since - before, until - MOST), until


class Asked:
    """Points of alerts' charts, asked of the rules' own conditions and remembered. What a chart may take is bounded: an expensive condition is asked
    at fewer instants, and at the others when its page is opened again."""

    def __init__(self, parts: Parts, budget_s: float = BUDGET_S, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._parts, self._budget_s, self._monotonic = parts, budget_s, monotonic
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str, str, datetime], Point] = OrderedDict()

    def points(self, rule: Rule, fingerprint: str, span: tuple[datetime, datetime]) -> list[Point]:
        """The condition at instants of the span in order, as the data is now; empty where nothing can be asked."""
        until = self._monotonic() + self._budget_s
        found: list[Point] = []
        for at in spread(span):
            point = self._point(rule, fingerprint, at, span[1], asks=len(found) < LEAST_POINTS or self._monotonic() < until)
            if point is None and not found:
                return []
            found += [point] if point is not None else []
        return sorted(found, key=lambda each: each.at)

    def _point(self, rule: Rule, fingerprint: str, at: datetime, newest: datetime, *, asks: bool) -> Point | None:
        key = (rule.rule_id, rule.version, fingerprint, at)
        with self._lock:
            known = self._known.get(key)
        if known is not None or not asks:
            return known
        point = point_at(self._parts, rule, fingerprint, at)
        if point is not None and newest - at > SETTLES:
            with self._lock:
                self._known[key] = point
                while len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
        return point


def spread(span: tuple[datetime, datetime]) -> list[datetime]:
    """The span's end, and instants of a grid that stays when the span moves on, coarse ones first: whoever stops early has the whole span covered."""
    step = min((each for each in GRID if (span[1] - span[0]) / each <= POINTS), default=GRID[-1])
    first = -(-span[0].timestamp() // step.total_seconds())
    last = span[1].timestamp() // step.total_seconds()
    numbers = [first + n for n in range(int(last - first) + 1)]

    def coarse(number: float) -> int:
        return -next((power for power in (32, 16, 8, 4, 2) if number % power == 0), 1)

    grid = [
        datetime.fromtimestamp(number * step.total_seconds(), UTC) for number in sorted(numbers, key=lambda n: (coarse(n), -n))
    ]
    return [span[1], *(at for at in grid if at != span[1])]


def point_at(parts: Parts, rule: Rule, fingerprint: str, at: datetime) -> Point | None:
    """The condition at one instant; None where nobody can be asked."""
    looked = parts.look({rule.rule_id: rule}, at).get(rule.rule_id)
    if looked is None:
        return None
    own = next((each for each in looked.findings if identity(rule, each) == fingerprint), None)
    if own is None:
        return Point(at, None, None, None if looked.unknown else False)
    value, line = (float(each) if each is not None else None for each in (own.value, own.line))
    return Point(at, value, line, own.holds)


def chart(
    drawn: Sequence[Point],
    span: tuple[datetime, datetime],
    fired: tuple[datetime, datetime] | None,
    deploys: Sequence[Mapping[str, Any]],
    zone: ZoneInfo,
    *,
    words: Callable[[float], str],
    title: str,
) -> str:
    """The chart as HTML; without a reading a strip of when the condition held; nothing at all where nobody was asked."""
    if not drawn:
        return '<p class="dim">There is no chart: the readings behind this alert are not kept.</p>'
    length = (span[1] - span[0]).total_seconds() or 1.0

    def x(at: datetime) -> float:
        return round(min(max((at - span[0]).total_seconds() / length, 0.0), 1.0) * WIDTH, 1)

    values = [each.value for each in drawn if each.value is not None]
    lines = [each.line for each in drawn if each.line is not None]
    shapes = [f'<line x1="0" x2="{WIDTH}" y1="{HEIGHT}" y2="{HEIGHT}" stroke="var(--line)"/>']
    labels: list[str] = []
    if fired is not None:
        left, right = x(fired[0]), x(fired[1])
        shapes.append(
            f'<rect x="{left}" y="0" width="{max(right - left, 2)}" height="{HEIGHT}" fill="var(--exhausted)" opacity=".12"/>'
        )
    for deploy in deploys:
        place = x(deploy["deployed_at"])
        shapes.append(
            f'<line x1="{place}" x2="{place}" y1="0" y2="{HEIGHT}" stroke="var(--dim)" stroke-dasharray="1 3" {FIXED}/>'
        )
    for label in deploy_labels(deploys, span, zone, 0.3):
        side = {"left": "left", "right": "right", "center": ""}[label.anchor]
        labels.append(
            f'<span class="d {side}" style="left:{label.place * 100:.1f}%" title="{_attr(", ".join(label.told))}">{escape(label.text)}</span>'
        )
    if values:
        shapes += _curve(drawn, values, lines, words, x, labels)
    else:
        shapes += _strip(drawn, x)
    labels += _hours(span, zone)
    said = f"{title}: " + (f"{words(values[-1])} at the end" if values else "when it held")
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{_attr(said)}">{"".join(shapes)}</svg>'
    return f'<div class="chart">{svg}{"".join(labels)}</div>'


FIXED = 'vector-effect="non-scaling-stroke"'


def _curve(
    drawn: Sequence[Point],
    values: Sequence[float],
    lines: Sequence[float],
    words: Callable[[float], str],
    x: Any,
    labels: list[str],
) -> list[str]:
    everything = [*values, *lines]
    top, low = max(everything), min([0.0, *everything])
    if min(everything) > 0.6 * top > 0:
        low = min(everything) - (top - min(everything)) * 0.4 - top * 0.01
    top += (top - low) * 0.08 or 1.0

    def y(value: float) -> float:
        return round(HEIGHT - (value - low) / (top - low) * HEIGHT, 1)

    shapes = []
    for share in (0.5, 1.0):
        value = low + (top - low) * share / 1.08
        shapes.append(f'<line x1="0" x2="{WIDTH}" y1="{y(value)}" y2="{y(value)}" stroke="var(--line)" {FIXED}/>')
        labels.append(f'<span class="y" style="top:{y(value) + 1:.0f}px">{escape(words(value))}</span>')
    for stretch in stretches([(each.at, each.line) for each in drawn]):
        shapes.append(_line(stretch, x, y, 'stroke="var(--text)" stroke-dasharray="5 4"'))
    for stretch in stretches([(each.at, each.value) for each in drawn]):
        shapes.append(_line(stretch, x, y, 'stroke="var(--accent)" stroke-width="2"'))
    if lines:
        at = y(lines[-1])
        place = at - 15 if at > 30 else at + 2
        labels.append(f'<span class="limit" style="top:{place:.0f}px">limit {escape(words(lines[-1]))}</span>')
    return shapes


def _line(stretch: Sequence[tuple[datetime, float]], x: Any, y: Any, look: str) -> str:
    placed = [(x(at), y(value)) for at, value in stretch]
    if len(placed) == 1:
        placed.append((placed[0][0] + 2, placed[0][1]))
    return f'<polyline points="{" ".join(f"{a},{b}" for a, b in placed)}" fill="none" {look} {FIXED}/>'


def stretches(told: Sequence[tuple[datetime, float | None]]) -> list[list[tuple[datetime, float]]]:
    """The points between gaps."""
    found: list[list[tuple[datetime, float]]] = [[]]
    for at, value in told:
        if value is None:
            found.append([])
        else:
            found[-1].append((at, value))
    return [each for each in found if each]


def _strip(drawn: Sequence[Point], x: Any) -> list[str]:
    """A condition without a reading: a block where it held, nothing where it did not, a thin line where nobody knows."""
    shapes = []
    for each, after in pairwise(drawn):
        left, width = x(each.at), x(after.at) - x(each.at) + 0.5
        if each.holds:
            shapes.append(f'<rect x="{left}" y="60" width="{width}" height="40" fill="var(--exhausted)"/>')
        elif each.holds is None:
            shapes.append(f'<rect x="{left}" y="79" width="{width}" height="2" fill="var(--unknown)"/>')
        else:
            shapes.append(f'<rect x="{left}" y="98" width="{width}" height="2" fill="var(--ok)"/>')
    return shapes


STEPS = tuple(timedelta(minutes=each) for each in (10, 15, 30, 60, 120, 180, 360, 720, 1440))
"""How far apart the times along the bottom may stand."""


def _hours(span: tuple[datetime, datetime], zone: ZoneInfo) -> list[str]:
    """Round times of the zone's clock along the bottom, six at most; days over more than two."""
    length = span[1] - span[0]
    step = next((each for each in STEPS if length / each <= 6), STEPS[-1])
    at = midnight(span[0].astimezone(zone).date(), zone)
    found = []
    while at < span[1]:
        share = (at - span[0]) / length
        if 0.04 < share < 0.96:
            words = wording.day(at, span[1], zone) if step >= STEPS[-1] else wording.clock(at, zone)
            found.append(f'<span class="x" style="left:{share * 100:.1f}%">{escape(words)}</span>')
        at += step
    return found


def _attr(text: str) -> str:
    return escape(text, quote=True)
