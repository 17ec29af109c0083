"""What is said of a platform that nobody knows: the same words in the API, on the pages and in commands."""

from __future__ import annotations

from collections.abc import Iterable

from roomleft.errors import InputError
from roomleft.packs_yaml import nearest

MOST_SAID = 60
"""Letters of a name that are said back."""
NONE_YET = "there are no platforms yet: bin/roomleft connect adds one (docs/connect.md)"


def unknown_platform(platform: object, known: Iterable[str], where: str = "the parameter platform") -> InputError:
    """The error for a platform that is not among `known`: what is wrong, `where` it was given, and the nearest name or all of them."""
    what, hint = _said(platform, known)
    return InputError(what, where, hint)


def known_platform(platform: str | None, known: Iterable[str], where: str = "the parameter platform") -> None:
    """Raises `unknown_platform` for one that is not among `known`; None stands for all of them."""
    names = list(known)
    if platform is not None and platform not in names:
        raise unknown_platform(platform, names, where)


def unknown_platform_words(platform: object, known: Iterable[str]) -> str:
    """The same as a sentence of a page: `Unknown platform 'shp': did you mean 'shop'?`."""
    what, hint = _said(platform, known)
    return f"{what[:1].upper()}{what[1:]}: {hint}{'' if hint.endswith('?') else '.'}"


def _said(platform: object, known: Iterable[str]) -> tuple[str, str]:
    name, names = str(platform), list(known)
    cut = name if len(name) <= MOST_SAID else f"{name[:MOST_SAID]}…"
    return f"unknown platform {cut!r}", nearest(cut, names, "platforms here") if names else NONE_YET
