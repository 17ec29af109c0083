"""Pictures of reports: small, sharp, and with no label cut."""

from __future__ import annotations

import io
import math
import subprocess
import sys
import threading
from datetime import date, timedelta
from typing import Any

import pytest
from PIL import Image

from dashboards.reports import charts
from dashboards.reports.charts import TOP, Bar, Drawn, Fan, bars_png, fan_png
from dashboards.reports.weekly_charts import share_words
from dashboards.theme import LIGHT
from roomleft.errors import RoomleftError

FIRST = date(2026, 8, 23)
PAST = [(FIRST + timedelta(days=n), 700 + 2.1 * n + 60 * math.sin(n / 7 * math.tau)) for n in range(90)]
AHEAD = [Fan(FIRST + timedelta(days=90 + n), 870 + n, 900 + 2 * n, 940 + 5 * n) for n in range(30)]
MOST_BYTES = 60_000
CASES: dict[str, Any] = {
    "fan": lambda: fan_png(PAST, AHEAD, unit="users", limit=1000, order_by=date(2026, 12, 1)),
    "a limit far above": lambda: fan_png(PAST, AHEAD, unit="usd", limit=1e9, limit_name="limit", order_by=date(2026, 12, 18)),
    "no future": lambda: fan_png(PAST, unit="percent", limit=720),
    "no past": lambda: fan_png([], AHEAD, unit="gb"),
    "one day": lambda: fan_png(PAST[:1], unit="requests"),
    "gaps": lambda: fan_png([(day, None if n % 5 == 0 else value) for n, (day, value) in enumerate(PAST)], AHEAD, unit="tb"),
    "all zero": lambda: fan_png([(day, 0.0) for day, _ in PAST], [Fan(day, 0, 0, 0) for day, *_ in AHEAD], unit="usd"),
    "huge": lambda: fan_png([(day, 1e15 * value) for day, value in PAST], unit="tokens"),
    "negative": lambda: fan_png([(day, -value) for day, value in PAST], unit="percent"),
    "not finite": lambda: fan_png([*PAST[:-1], (PAST[-1][0], math.inf)], [Fan(AHEAD[0].day, math.nan, 1, 2), *AHEAD[1:]], unit="users"),
    "dollars are no formulas": lambda: fan_png(PAST, AHEAD, unit="usd", limit=1000, limit_name="$a$ limit"),
    "bars": lambda: bars_png([Bar("Convex deployments of the pool, both regions", 120, "+$120"), Bar("images", -33, "−$33")]),
    "bars to a limit": lambda: bars_png([Bar("spent", 0.9, "90 %"), Bar("AI budget", 1.4, "140 %")], limit=1.0, limit_name="budget"),
    "spent and likely end": lambda: bars_png(
        [Bar("Scribe connection pool of the primary database", 0.9, "90 %", 0.5)], limit=1.0, limit_name="budget", caption="solid: spent · pale: likely end"
    ),
    "one bar of nothing": lambda: bars_png([Bar("x", 0.0, "$0")]),
}  # fmt: skip


def image(drawn: Drawn) -> Image.Image:
    return Image.open(io.BytesIO(drawn.png)).convert("RGB")


@pytest.mark.parametrize("name", CASES)
def test_a_picture_is_small_sharp_and_whole(name: str) -> None:
    drawn = CASES[name]()
    found = image(drawn)
    assert len(drawn.png) <= MOST_BYTES
    assert found.size == (2 * drawn.width, 2 * drawn.height)
    assert drawn.width <= 358, "it fits a phone"
    # Ink on the outermost pixels would be the edge of something that was cut.
    wide, high = found.size
    for x in range(wide):
        for y in (0, high - 1):
            assert found.getpixel((x, y)) == (255, 255, 255), (x, y)
    for y in range(high):
        assert found.getpixel((wide - 1, y)) == (255, 255, 255), y


def test_the_same_figures_give_the_same_bytes() -> None:
    assert CASES["fan"]().png == CASES["fan"]().png


def test_a_limit_and_an_order_date_leave_their_colours() -> None:
    colours = {found for _, found in image(CASES["fan"]()).getcolors(100_000) or []}
    assert {(168, 18, 62), (10, 98, 168)} <= colours
    plain = {found for _, found in image(CASES["no past"]()).getcolors(100_000) or []}
    assert (168, 18, 62) not in plain


@pytest.mark.parametrize(
    "draw", [lambda: fan_png([]), lambda: fan_png([(FIRST, None), (FIRST, math.nan)]), lambda: bars_png([Bar("x", math.nan, "")])]
)
def test_nothing_to_draw_is_refused_in_words(draw: Any) -> None:
    with pytest.raises(RoomleftError, match="nothing to draw"):
        draw()


def test_threads_may_draw_at_the_same_time() -> None:
    alone, found = CASES["fan"]().png, []
    threads = [threading.Thread(target=lambda: found.append(CASES["fan"]().png)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [alone] * 4


def test_drawing_is_loaded_where_something_is_drawn() -> None:
    code = "import sys, dashboards.reports.charts; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("Arena worlds", ["Arena worlds"]),
        ("Scribe connection pool of the database", ["Scribe connection", "pool of the database"]),
        ("n" * 60, ["n" * 16 + "…"]),
    ],
)
def test_a_long_name_goes_on_in_a_second_line(name: str, lines: list[str]) -> None:
    found = charts._two_lines(charts._figure(charts.WIDTH, TOP, LIGHT), name, charts.WIDTH * 0.4)
    assert len(found) == len(lines)
    assert found[0][:10] == lines[0][:10]
    assert ("…" in "".join(found)) == ("…" in "".join(lines))


def test_what_is_spent_is_drawn_darker_than_where_it_will_likely_end() -> None:
    def solid(drawn: Drawn) -> int:
        return sum(pixel == (10, 98, 168) for pixel in image(drawn).get_flattened_data())

    part, whole = (bars_png([Bar("x", 0.9, "90 %", inner)], limit=1.0) for inner in (0.3, 0.9))
    assert 0.2 < solid(part) / solid(whole) < 0.5


def test_one_bar_far_beyond_the_limit_leaves_the_others_their_length() -> None:
    """Eleven times its limit: the bars of the others would be a few pixels, and the limit's line would stand among their names."""
    rows = [Bar("x", 11.26, "1,126 %"), Bar("y", 1.0, "100 %")]

    def red(drawn: Drawn) -> int:
        found = image(drawn)
        wide, high = found.size
        return max(x for y in range(2 * TOP, high) for x in range(wide) if found.getpixel((x, y)) == (168, 18, 62))

    plain, cut = bars_png(rows, limit=1.0), bars_png(rows, limit=1.0, most=2.0)
    assert red(cut) > 2 * red(plain)
    assert bars_png(rows[1:], limit=1.0, most=2.0).png == bars_png(rows[1:], limit=1.0).png


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.99999999, "100 %"), (1.00000001, "100 %"), (0.9997, "99.97 %"), (0.826, "83 %"), (11.26, "1,126 %"), (0.0, "0 %")],
)
def test_rounding_of_stored_amounts_is_no_share(share: float, words: str) -> None:
    assert share_words(share).replace("\u202f", " ") == words
