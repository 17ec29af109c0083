"""Reading a target's pages again and again: a page that differs from the last one in nothing but its values costs no more than its values.

The fast way cuts the values out of a page, puts them between the pieces of the last page that was taken, and compares the result with the
page. Where a single character differs the strict way reads it all, with the help of the series it has met before. So both ways agree by construction, and nothing is taken that the
strict way would refuse.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import getitem, itemgetter
from typing import cast

from collectors.prometheus.exposition.classic import TextPage
from collectors.prometheus.exposition.content_type import Format
from collectors.prometheus.exposition.openmetrics import OpenMetricsPage
from collectors.prometheus.exposition.page import Page, Series, Structure
from collectors.prometheus.exposition.refusal import PageRefused
from collectors.prometheus.exposition.value_rules import numbers

NUL_IN_HELP = re.compile(r"^# HELP .*$", re.MULTILINE)
"""OpenMetrics lets a help text hold any character. In a series' name or label it could not be kept."""


@dataclass(frozen=True, slots=True)
class _Template:
    """A page without its values: `pieces` is its text cut before and after each value, with room for the values between."""

    structure: Structure
    lines: int
    samples: Callable[[Sequence[str]], tuple[str, ...]]
    values: list[slice]
    """Where on each sample line its value stands."""
    pieces: list[str]


class Reader:
    """Reads the pages of one target. Belongs to one thread at a time. Remembers the series of the last page taken, and no more."""

    def __init__(self, max_samples: int | None = None) -> None:
        self._max_samples = max_samples
        self._heads: dict[str, Series] = {}
        self._template: _Template | None = None
        self._kind: Format | None = None

    def read(self, body: bytes, kind: Format) -> Page:
        """What a page says. Raises PageRefused (with line and reason), TooManySeries."""
        text = _decoded(body, kind)
        return self._again(text, kind) or self._strictly(text, kind)

    def _again(self, text: str, kind: Format) -> Page | None:
        template = self._template
        if template is None or template.structure.format is not kind:
            return None
        lines = text.split("\n")
        if len(lines) != template.lines:
            return None
        texts = cast("list[str]", list(map(getitem, template.samples(lines), template.values)))
        pieces = template.pieces.copy()
        pieces[1::2] = texts
        if "".join(pieces) != text:
            return None
        structure = template.structure
        try:
            values = numbers(texts, structure.lines)
        except PageRefused:
            # A timestamp has come after a value, perhaps: the strict way knows.
            return None
        structure.rules.check(values, structure.lines)
        return Page(structure, values)

    def _strictly(self, text: str, kind: Format) -> Page:
        if kind is not self._kind:
            # What is loose in one format may be wrong in the other.
            self._heads, self._template, self._kind = {}, None, kind
        met: dict[str, Series] = {}
        page = (OpenMetricsPage if kind is Format.OPENMETRICS else TextPage)(self._heads, met)
        structure = page.read(text, self._most(text))
        values = numbers(page.values, structure.lines)
        structure.rules.check(values, structure.lines)
        self._remember(text, structure, met)
        return Page(structure, values)

    def _most(self, text: str) -> int | None:
        """How many samples to take at most; None where the page cannot have more."""
        limit = self._max_samples
        return limit if limit is not None and text.count("\n") >= limit else None

    def _remember(self, text: str, structure: Structure, met: dict[str, Series]) -> None:
        lines = text.split("\n")
        places = [number - 1 for number in structure.lines]
        known = self._heads | met
        heads = [lines[place].rpartition(" ")[0] for place in places]
        # Series come and go: only those of this page are kept, or a target that renames its labels would fill the memory.
        self._heads = {head: known[head] for head in heads if head in known}
        self._template = _template(lines, structure, places, heads) if structure.plain and places else None


def _template(lines: list[str], structure: Structure, places: list[int], heads: list[str]) -> _Template:
    pieces: list[str] = []
    done = 0
    for place, head in zip(places, heads, strict=True):
        pieces += ["".join(f"{line}\n" for line in lines[done:place]) + head + " ", ""]
        # The line's own end begins the next piece.
        lines[place] = ""
        done = place
    pieces.append("\n".join(lines[done:]))
    return _Template(structure, len(lines), _picker(places), [slice(len(head) + 1, None) for head in heads], pieces)


def read_page(body: bytes, kind: Format, max_samples: int | None = None) -> Page:
    """One page, read strictly. Raises PageRefused."""
    return Reader(max_samples).read(body, kind)


def _picker(places: list[int]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    if len(places) == 1:
        (only,) = places
        return lambda texts: (texts[only],)
    return itemgetter(*places)


def _decoded(body: bytes, kind: Format) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PageRefused(body.count(b"\n", 0, error.start) + 1, "bytes that are not UTF-8") from None
    if "\0" in text and (kind is Format.TEXT or "\0" in NUL_IN_HELP.sub("", text)):
        raise PageRefused(text.count("\n", 0, text.index("\0")) + 1, "a NUL character")
    return text
