"""The pictures in the weekly mail. Each shows what a table beside it says, so that a mail without pictures lacks nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from dashboards import wording
from dashboards.reports.charts import Bar, Drawn, bars_png

MOST_BARS = 6
LONGEST_NAME = 60
MOST_SHARE = 1.5
"""A bar is drawn up to one and a half times its limit: one of eleven times would leave the others too short to be told apart."""
FONT = "DejaVu Sans"
"""What charts are lettered in."""
Content = Mapping[str, Any]


class Picture(NamedTuple):
    """A drawn picture. `alt` says its point in a sentence."""

    name: str
    drawn: Drawn
    alt: str


def weekly_pictures(content: Content) -> tuple[list[Picture], list[str]]:
    """The pictures that could be drawn, and in words what could not and why. Never raises."""
    found: list[Picture] = []
    missing: list[str] = []
    for title, draw in PICTURES.items():
        try:
            picture = draw(content)
        except Exception as error:  # whatever a drawing trips over, the report still goes
            missing.append(f"the chart of {title} ({type(error).__name__})")
            continue
        if picture is not None:
            found.append(picture)
    return found, missing


def _movers(content: Content) -> Picture | None:
    rows = content["movers"][:MOST_BARS]
    if not rows:
        return None
    bars = [Bar(drawable(_short(each), each["platform"]), float(each["change_usd"]), each["change"]) for each in rows]
    first = rows[0]
    return Picture("movers", bars_png(bars), f"The largest change of cost: {_short(first)} {first['change']}. {first['cause']}.")


def _budgets(content: Content) -> Picture | None:
    rows = [each for each in content["month_end"] if each["ends_p50"] is not None and each["amount"] > 0][:MOST_BARS]
    if not rows:
        return None
    shares = [float(each["ends_p50"] / each["amount"]) for each in rows]
    bars = [
        Bar(drawable(each["name"], each["limit_id"]), share, share_words(share), float((each["used"] or 0) / each["amount"]))
        for each, share in zip(rows, shares, strict=True)
    ]
    share, worst = max(zip(shares, (each["name"] for each in rows), strict=True))
    said = "more than" if share > 1 else "of"
    alt = f"Where budgets will probably end: {worst} comes to {share_words(share)} {said} its budget, the highest."
    if share > 1:
        alt = f"Where budgets will probably end: {worst} goes over, to {share_words(share)} of its budget."
    return Picture(
        "budgets", bars_png(bars, limit=1.0, limit_name="budget", most=MOST_SHARE, caption="solid: spent · pale: likely end"), alt
    )


def _capacity(content: Content) -> Picture | None:
    rows = [
        each for each in content["capacity"] if each["used"] is not None and each["amount"] > 0 and each["state"] != "unknown"
    ]
    rows = rows[:MOST_BARS]
    if not rows:
        return None
    shares = [float(each["used"] / each["amount"]) for each in rows]
    bars = [
        Bar(drawable(each["name"], each["limit_id"]), share, share_words(share)) for each, share in zip(rows, shares, strict=True)
    ]
    share, worst = max(zip(shares, (each["name"] for each in rows), strict=True))
    alt = f"How full capacities are: {worst} is the fullest, {share_words(share)} used."
    return Picture("capacity", bars_png(bars, limit=1.0, limit_name="full", most=MOST_SHARE, caption="in use now"), alt)


def share_words(share: float) -> str:
    """`83 %`, `99.97 %`, `1,126 %`. What is away from a whole per cent by less than a ten-thousandth part is the rounding of stored amounts."""
    return wording.percent(round(share, 4), 0)


def drawable(name: str, otherwise: str) -> str:
    """A name without the signs that the charts' font lacks (it would draw boxes); `otherwise` where hardly anything is left of it."""
    from matplotlib.font_manager import findfont, get_font

    font = get_font(findfont(FONT))
    kept = "".join(sign for sign in name[:LONGEST_NAME] if font.get_char_index(ord(sign)))
    return " ".join(kept.split()) if any(sign.isalnum() for sign in kept) else otherwise[:LONGEST_NAME]


def _short(each: Mapping[str, Any]) -> str:
    name, platform = str(each["name"]), str(each["platform_title"])
    return name if name == platform else f"{platform}, {name}"


PICTURES: Mapping[str, Callable[[Content], Picture | None]] = {
    "what moved the cost": _movers,
    "budgets": _budgets,
    "room left": _capacity,
}
