"""Pictures for mail and paper, where no browser draws: small PNGs at twice the size that they are shown in, in the light colours of the pages.

matplotlib is imported where something is drawn: the server must not wait for it. Nothing here is shared between two drawings, so threads may draw
at the same time. Texts are never read as formulas: two dollar signs in a label are two dollar signs.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from dashboards import wording
from dashboards.theme import LIGHT, Tones
from roomleft.errors import RoomleftError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

WIDTH, HEIGHT = 344, 190
"""In CSS pixels: fits a phone of 390 without being made smaller, so that its labels keep their size."""
DPI, TWICE = 96, 2
LABEL_PX, SMALL_PX = 11.0, 10.0
TOP, BOTTOM, GAP = 20, 22, 7
APART = 13
"""How far apart two labels at the right edge stand, in pixels."""
ROW, BAR = 24, 12
TALL_ROW, LINE = 32, 13
"""A row whose name takes two lines, and how far these are apart."""
FAR = 2.5
"""A limit further up than so many times what is drawn is named at the edge, not drawn: the curve would lie flat on the ground."""


class Fan(NamedTuple):
    """What a forecast says of one day."""

    day: date
    p10: float
    p50: float
    p90: float


class Bar(NamedTuple):
    """One bar: its name, its length (negative: to the left), and the length in words. `inner`: the part of it that is so already, drawn solid."""

    name: str
    value: float
    words: str
    inner: float | None = None


class Drawn(NamedTuple):
    """A picture: PNG bytes and the size to show it in, in CSS pixels."""

    png: bytes
    width: int
    height: int


def fan_png(
    history: Sequence[tuple[date, float | None]],
    fan: Sequence[Fan] = (),
    *,
    unit: str = "",
    limit: float | None = None,
    limit_name: str = "limit",
    order_by: date | None = None,
    words: Callable[[float], str] | None = None,
    width: int = WIDTH,
    height: int = HEIGHT,
    tones: Tones = LIGHT,
) -> Drawn:
    """History by day (None: a gap), the range from p10 to p90 ahead with its middle dashed, the limit, and the last day to order.

    Without a fan the history stands alone. Raises RoomleftError where there is no number to draw.
    """
    past = [(day, value) for day, value in history if value is not None and math.isfinite(value)]
    ahead = [each for each in fan if all(map(math.isfinite, each[1:]))]
    if not past and not ahead:
        raise RoomleftError("there is nothing to draw", "a chart of a report", "it comes with the first complete day")
    told = words or (lambda value: "$0" if value == 0 and unit == "usd" else wording.amount(value, unit))
    low, high, shown = _span_of([value for _, value in past], ahead, limit)
    first = past[0][0] if past else ahead[0].day
    last = ahead[-1].day if ahead else past[-1][0]
    ends = _end_labels(past, ahead, limit if shown else None, limit_name, told, tones)
    ticks = _ticks(low, high)
    figure = _figure(width, height, tones)
    left = max(_width(figure, told(tick), SMALL_PX) for tick in ticks) + GAP
    right = min(max((_width(figure, text, LABEL_PX) for _, text, _, _ in ends), default=0.0) + GAP + 2, width * 0.4)
    box = (left, TOP, width - left - right, height - TOP - BOTTOM)
    axes = _axes(figure, box, width, height)
    axes.set_xlim(first.toordinal(), max(last.toordinal(), first.toordinal() + 1))
    axes.set_ylim(low, high)
    for tick in ticks:
        axes.axhline(tick, color=tones.line, linewidth=_points(1), zorder=0)
        _text(figure, left - GAP, _up(tick, low, high, box), told(tick), SMALL_PX, tones.dim, height, ha="right")
    _days(figure, first, last, box, height, tones)
    _draw_history(axes, history, tones)
    if ahead:
        _draw_fan(axes, past, ahead, tones)
    if limit is not None and shown:
        axes.axhline(limit, color=tones.exhausted, linewidth=_points(1.25), linestyle=(0, (5, 3)), zorder=4)
    elif limit is not None:
        arrow = "↑" if limit >= high else "↓"
        _text(figure, left, TOP / 2, f"{arrow} {limit_name} {told(limit)}", SMALL_PX, tones.exhausted, height)
    if order_by is not None and first <= order_by <= last:
        _mark_order(figure, axes, order_by, (first, last), box, height, tones, crowded=limit is not None and not shown)
    for (_, text, colour, weight), place in zip(ends, _spread([_up(e[0], low, high, box) for e in ends], box), strict=True):
        _text(figure, width - right + GAP, place, text, LABEL_PX, colour, height, weight=weight)
    return Drawn(_png(figure), width, height)


def bars_png(
    bars: Sequence[Bar],
    *,
    limit: float | None = None,
    limit_name: str = "limit",
    most: float = math.inf,
    caption: str = "",
    width: int = WIDTH,
    tones: Tones = LIGHT,
) -> Drawn:
    """Bars side by side from one ground line, each with its name before and its words behind; `limit` is a dashed line across them. A longer bar than
    `most` is drawn so long and ends in a point. `caption` stands above and says what the bars are.

    Raises RoomleftError where there is no number to draw.
    """
    rows = [bar for bar in bars if math.isfinite(bar.value)]
    if not rows:
        raise RoomleftError("there is nothing to draw", "a chart of a report", "it comes with the first figures")
    head = TOP if limit is not None or caption else 4
    # Names take what they need up to two fifths; a longer one goes on below itself.
    measured = _figure(width, TOP, tones)
    names = [_two_lines(measured, bar.name, width * 0.4) for bar in rows]
    row = TALL_ROW if any(len(lines) > 1 for lines in names) else ROW
    height = head + row * len(rows) + 4
    figure = _figure(width, height, tones)
    left = max(_width(figure, line, LABEL_PX) for lines in names for line in lines) + GAP
    right = max(_width(figure, bar.words, LABEL_PX) for bar in rows) + GAP
    values = [min(bar.value, most) for bar in rows] + ([limit] if limit is not None else [])
    low, high = min(0.0, *values), max(0.0, *values)
    if low == high:
        high = 1.0
    # Words of bars to the left stand left of them, so room is kept on both sides where there are such bars.
    box = (left + (right if low < 0 else 0), head, max(width - left - right * (2 if low < 0 else 1), 40.0), row * len(rows))
    axes = _axes(figure, box, width, height)
    axes.set_xlim(low, high)
    axes.set_ylim(len(rows), 0)
    if caption:
        _text(figure, 0, head / 2, caption, SMALL_PX, tones.dim, height)
    for place, (bar, lines) in enumerate(zip(rows, names, strict=True)):
        colour = tones.accent if bar.value >= 0 else tones.ok
        pale = 1.0 if bar.inner is None else 0.4
        axes.barh(place + 0.5, min(bar.value, most), height=BAR / row, color=colour, linewidth=0, alpha=pale)
        if bar.inner is not None:
            axes.barh(place + 0.5, min(bar.inner, most), height=BAR / row, color=colour, linewidth=0)
        middle = head + row * (place + 0.5)
        for number, line in enumerate(lines):
            _text(figure, 0, middle + (number - (len(lines) - 1) / 2) * LINE, line, LABEL_PX, tones.text, height)
        at = box[0] + (min(bar.value, most) - low) / (high - low) * box[2]
        if bar.value > most:
            _point(axes, most, place + 0.5, (high - low) / box[2] * GAP, BAR / row / 2, tones)
        side = "left" if bar.value >= 0 else "right"
        if limit is not None and side == "left":
            at = box[0] + box[2]  # behind the line that the limit draws
        _text(figure, at + (GAP if side == "left" else -GAP), middle, bar.words, LABEL_PX, tones.dim, height, ha=side)
    axes.axvline(0, color=tones.dim, linewidth=_points(1))
    if limit is not None:
        axes.axvline(limit, color=tones.exhausted, linewidth=_points(1.25), linestyle=(0, (4, 3)))
        at = box[0] + (limit - low) / (high - low) * box[2]
        beside = min(at, width - _width(figure, limit_name, SMALL_PX) / 2 - 1)
        _text(figure, beside, head / 2, limit_name, SMALL_PX, tones.exhausted, height, ha="center")
    return Drawn(_png(figure), width, height)


def _point(axes: Axes, at: float, middle: float, length: float, half: float, tones: Tones) -> None:
    """Cut the end of a bar to a point: it goes on."""
    for edge in (middle - half, middle + half):
        axes.fill([at - length, at, at], [edge, edge, middle], color=tones.surface, linewidth=0, zorder=3)


def _span_of(past: Sequence[float], ahead: Sequence[Fan], limit: float | None) -> tuple[float, float, bool]:
    """What the upward axis spans, and whether the limit is on it. From zero, but where everything lies in its uppermost part."""
    values = [*past, *(value for each in ahead for value in each[1:])]
    low, high = min(values), max(values)
    reach = max(abs(low), abs(high))
    shown = limit is not None and (reach == 0 or abs(limit) <= FAR * reach)
    if limit is not None and shown:
        low, high = min(low, limit), max(high, limit)
    if low >= 0 and low < 0.6 * high:
        low = 0.0
    spread = (high - low) or abs(high) or 1.0
    return (low if low == 0 else low - 0.06 * spread), high + 0.08 * spread, shown


def _ticks(low: float, high: float) -> list[float]:
    """Three to five round values on the axis."""
    rough = (high - low) / 4
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * times for times in (1, 2, 2.5, 5, 10) if size * times >= rough * 0.75)
    first = math.ceil(low / step - 1e-9)
    return [round(step * place, 12) for place in range(first, first + 9) if step * place <= high]


def _end_labels(
    past: Sequence[tuple[date, float]],
    ahead: Sequence[Fan],
    limit: float | None,
    name: str,
    told: Callable[[float], str],
    tones: Tones,
) -> list[tuple[float, str, str, str]]:
    """(value, text, colour, weight) at the right edge: the range's ends and its middle, or the last reading; and the limit."""
    found: list[tuple[float, str, str, str]] = []
    if ahead:
        end = ahead[-1]
        found.append((end.p50, told(end.p50), tones.text, "bold"))
        found += [(value, told(value), tones.dim, "normal") for value in (end.p10, end.p90) if told(value) != told(end.p50)]
    elif past:
        found.append((past[-1][1], told(past[-1][1]), tones.text, "bold"))
    if limit is not None:
        found.append((limit, f"{name} {told(limit)}", tones.exhausted, "normal"))
    return found


def _spread(places: Sequence[float], box: tuple[float, float, float, float]) -> list[float]:
    """The same places, in pixels from the top, moved so far apart that no two labels touch and none leaves the box."""
    top, bottom = box[1], box[1] + box[3]
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = list(places)
    for index, before in zip(order[1:], order, strict=False):
        moved[index] = max(moved[index], moved[before] + APART)
    over = max(0.0, max((moved[index] for index in order), default=0.0) - bottom)
    if over:
        moved[order[-1]] = bottom
        for index, after in zip(reversed(order[:-1]), reversed(order), strict=False):
            moved[index] = min(moved[index], moved[after] - APART)
    return [max(place, top - APART / 2) for place in moved]


def _draw_history(axes: Axes, history: Sequence[tuple[date, float | None]], tones: Tones) -> None:
    known = {day: value for day, value in history if value is not None and math.isfinite(value)}
    if not known:
        return
    first, last = min(known), max(known)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    # A day without a value stays a gap: a line across it would say that something was read.
    axes.plot(
        [d.toordinal() for d in days],
        [known.get(d, math.nan) for d in days],
        color=tones.accent,
        linewidth=_points(1.75),
        zorder=3,
    )
    alone = [d for d in days if d in known and not {d - timedelta(days=1), d + timedelta(days=1)} & set(known)]
    axes.plot([d.toordinal() for d in alone], [known[d] for d in alone], ".", color=tones.accent, markersize=_points(4), zorder=3)


def _draw_fan(axes: Axes, past: Sequence[tuple[date, float]], ahead: Sequence[Fan], tones: Tones) -> None:
    # The range begins at the last reading, where it is that of the day before: what is known has no width.
    joint = [Fan(past[-1][0], *([past[-1][1]] * 3))] if past and (ahead[0].day - past[-1][0]).days == 1 else []
    points = [*joint, *ahead]
    days = [each.day.toordinal() for each in points]
    axes.fill_between(
        days, [p.p10 for p in points], [p.p90 for p in points], color=tones.accent, alpha=0.18, linewidth=0, zorder=1
    )
    axes.plot(days, [p.p50 for p in points], color=tones.accent, linewidth=_points(1.75), linestyle=(0, (3, 2)), zorder=3)
    axes.axvline(ahead[0].day.toordinal(), color=tones.dim, linewidth=_points(1), zorder=2)


def _mark_order(
    figure: Figure,
    axes: Axes,
    day: date,
    span: tuple[date, date],
    box: tuple[float, float, float, float],
    height: int,
    tones: Tones,
    *,
    crowded: bool,
) -> None:
    axes.axvline(day.toordinal(), color=tones.tight, linewidth=_points(1.25), linestyle=(0, (1, 2)), zorder=4)
    text = f"order by {_day(day)}"
    half = _width(figure, text, SMALL_PX) / 2
    at = box[0] + (day - span[0]).days / max(1, (span[1] - span[0]).days) * box[2]
    # A limit that is named above has the left of that line.
    lowest = box[0] + half + (box[2] * 0.4 if crowded else 0)
    _text(figure, min(max(at, lowest), box[0] + box[2] - half), TOP / 2, text, SMALL_PX, "#985000", height, ha="center")


def _days(figure: Figure, first: date, last: date, box: tuple[float, float, float, float], height: int, tones: Tones) -> None:
    """Days under the axis, as many as have room, whole weeks apart where that is possible."""
    length = max(1, (last - first).days)
    room = max(2, int(box[2] // (_width(figure, "30 Nov", SMALL_PX) + 14)))
    step = math.ceil(length / room)
    step = math.ceil(step / 7) * 7 if step > 3 else max(1, step)
    # Counted back from the end: how far a forecast looks is what a reader asks of the axis.
    for offset in range(length, -1, -step):
        day = first + timedelta(days=offset)
        at = box[0] + offset / length * box[2]
        half = _width(figure, _day(day), SMALL_PX) / 2
        at = min(max(at, half), box[0] + box[2] + GAP)
        _text(figure, at, height - BOTTOM / 2 + 1, _day(day), SMALL_PX, tones.dim, height, ha="center")


def _day(day: date) -> str:
    return f"{day.day} {wording.MONTHS[day.month - 1]}"


def _figure(width: int, height: int, tones: Tones) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI * TWICE, facecolor=tones.surface)
    FigureCanvasAgg(figure)
    return figure


def _axes(figure: Figure, box: tuple[float, float, float, float], width: int, height: int) -> Axes:
    """Axes without any furniture of their own; `box` is left, top, width and height in pixels."""
    left, top, wide, high = box
    axes = figure.add_axes((left / width, 1 - (top + high) / height, wide / width, high / height))
    axes.set_axis_off()
    axes.margins(0)
    return axes


def _up(value: float, low: float, high: float, box: tuple[float, float, float, float]) -> float:
    """Where a value stands, in pixels from the picture's top."""
    return box[1] + box[3] * (1 - (value - low) / (high - low))


def _text(
    figure: Figure,
    x: float,
    y: float,
    text: str,
    size: float,
    colour: str,
    height: int,
    *,
    ha: str = "left",
    weight: str = "normal",
) -> Text:
    width = figure.get_figwidth() * DPI
    return figure.text(
        x / width, 1 - y / height, text, fontsize=_points(size), color=colour, ha=ha, va="center_baseline", weight=weight, parse_math=False,
        family="DejaVu Sans",
    )  # fmt: skip


def _width(figure: Figure, text: str, size: float) -> float:
    """How wide a text is, in CSS pixels, as the boldest of its labels."""
    canvas: Any = figure.canvas
    put = figure.text(0, 0, text, fontsize=_points(size), weight="bold", parse_math=False, family="DejaVu Sans")
    wide = put.get_window_extent(canvas.get_renderer()).width / TWICE
    put.remove()
    return float(wide)


def _two_lines(figure: Figure, name: str, room: float) -> list[str]:
    """A name in a line, or in two where it has a space to be parted at; what fits in neither is cut."""
    if _width(figure, name, LABEL_PX) <= room:
        return [name]
    words = name.split(" ")
    kept = max((n for n in range(1, len(words)) if _width(figure, " ".join(words[:n]), LABEL_PX) <= room), default=0)
    if not kept:
        return [_cut(figure, name, room)]
    return [" ".join(words[:kept]), _cut(figure, " ".join(words[kept:]), room)]


def _cut(figure: Figure, name: str, room: float) -> str:
    kept = name
    while kept and _width(figure, kept if kept == name else f"{kept}…", LABEL_PX) > room:
        kept = kept[:-1].rstrip()
    return name if kept == name else f"{kept}…"


def _points(pixels: float) -> float:
    """CSS pixels in the points that matplotlib counts in."""
    return pixels * 72 / DPI


def _png(figure: Figure) -> bytes:
    out = io.BytesIO()
    # No mark of the program that drew it: the same figures give the same bytes.
    figure.savefig(out, format="png", dpi=DPI * TWICE, metadata={"Software": None}, pil_kwargs={"optimize": True})
    return out.getvalue()
