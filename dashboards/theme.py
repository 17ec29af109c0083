"""Colours by name, for charts. assets/roomleft.css holds the same values for everything else; a test keeps the two equal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tones:
    """The colours of one theme. `series` are never state colours; `percentiles` are p50, p95, p99 in one hue."""

    name: str
    page: str
    surface: str
    text: str
    dim: str
    line: str
    track: str
    accent: str
    ok: str
    tight: str
    exhausted: str
    unknown: str
    series: tuple[str, str, str, str]
    percentiles: tuple[str, str, str]


LIGHT = Tones(
    name="light", page="#F4F5F7", surface="#FFFFFF", text="#15181E", dim="#565F6D", line="#DFE3E8", track="#E9ECF0", accent="#0A62A8",
    ok="#6E87A4", tight="#CC6E00", exhausted="#A8123E", unknown="#6F7885",
    series=("#0072B2", "#0B4F3C", "#A06BE0", "#7D8B1A"), percentiles=("#4A93C4", "#1F6FAE", "#083D66"),
)  # fmt: skip
DARK = Tones(
    name="dark", page="#0E1116", surface="#151A21", text="#E8EBEF", dim="#9BA6B4", line="#2A313B", track="#2A323D", accent="#6DB5F2",
    ok="#7089A8", tight="#F2A93B", exhausted="#FF5470", unknown="#8D97A5",
    series=("#56B4E9", "#E9EFA0", "#A57BF0", "#3FAE7A"), percentiles=("#4A86BD", "#6DB5F2", "#D6EBFB"),
)  # fmt: skip


def tones(name: str | None) -> Tones:
    """The theme by name; light for anything but `dark`."""
    return DARK if name == "dark" else LIGHT
