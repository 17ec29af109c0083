"""The stylesheet, the charts' colours and the shipped font agree with each other."""

import importlib.util
import re
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from dashboards import app, wording
from dashboards.theme import DARK, LIGHT, Tones
from tests.fixtures.need import lacking

ASSETS = Path(app.__file__).parent / "assets"
SHARED = ("page", "surface", "text", "dim", "line", "track", "accent", "ok", "tight", "exhausted", "unknown")
SYMBOLS = "–—−≤≥±×·…’“”✓→%$€" + wording.THIN + "\u00a0"


def css_colours(selector: str) -> dict[str, str]:
    sheet = (ASSETS / "a-tokens.css").read_text(encoding="utf-8")
    block = re.search(re.escape(selector) + r"\s*\{([^}]*--page[^}]*)\}", sheet)
    assert block, selector
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9A-Fa-f]{6})", block[1]))


@pytest.mark.parametrize(("tones", "selector"), [(LIGHT, ":root"), (DARK, ':root[data-theme="dark"]')], ids=["light", "dark"])
def test_charts_and_stylesheet_use_the_same_colours(tones: Tones, selector: str) -> None:
    css = css_colours(selector)
    assert {name: css[name] for name in SHARED} == {name: getattr(tones, name) for name in SHARED}


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("tones", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_shapes_stand_out(tones: Tones) -> None:
    assert (
        min(contrast(tones.text, tones.surface), contrast(tones.dim, tones.surface), contrast(tones.accent, tones.surface)) >= 4.5
    )
    shapes = (tones.ok, tones.tight, tones.exhausted, tones.unknown, *tones.series)
    assert min(contrast(each, tones.surface) for each in shapes) >= 3


def test_the_font_holds_every_character_we_print() -> None:
    if importlib.util.find_spec("brotli") is None:
        lacking("woff2 fonts cannot be read", "pip install brotli")
    held = TTFont(ASSETS / "inter.woff2").getBestCmap().keys()
    printed = set(SYMBOLS) | {chr(code) for code in range(0x20, 0x7F)} | set("äöüßéèñøåçÄÖÜ")
    assert {each for each in printed if ord(each) not in held} == set()


def test_the_font_ships_with_its_licence() -> None:
    assert "SIL OPEN FONT LICENSE" in (ASSETS / "inter-OFL.txt").read_text(encoding="utf-8").upper()


def test_nothing_is_fetched_from_elsewhere() -> None:
    for sheet in ASSETS.glob("*.[cj]s*"):
        assert "http" not in sheet.read_text(encoding="utf-8"), sheet.name
