"""Numbers as both formats write them, and what OpenMetrics demands of values: checked for a whole page at once, on every scrape."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from collectors.prometheus.exposition.refusal import PageRefused, shown

Values = npt.NDArray[np.float64]
NUMBER = re.compile(
    r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?[iI][nN][fF](?:[iI][nN][iI][tT][yY])?|[nN][aA][nN]"
)
DIGITS_ONLY = re.compile(r"[0-9+\-.eE\n]*")
"""Texts of these characters alone that Arrow takes for a float are numbers by the formats' grammar too."""


def is_number(text: str) -> bool:
    """Whether a text is a number by the formats' grammar: decimal, no underscores, no hexadecimal; Inf and NaN in any case."""
    return NUMBER.fullmatch(text) is not None


def numbers(texts: Sequence[str], lines: Sequence[int]) -> Values:
    """The values of a page. Raises PageRefused for the first that is not a number, or is too large for one."""
    if not DIGITS_ONLY.fullmatch("\n".join(texts)):
        for text, line in zip(texts, lines, strict=True):
            if not is_number(text):
                raise PageRefused(line, f"{shown(text)} is not a number")
    try:
        values: Values = pa.array(texts, pa.string()).cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        for text, line in zip(texts, lines, strict=True):
            if not is_number(text):
                raise PageRefused(line, f"{shown(text)} is not a number") from None
        values = np.fromiter(map(float, texts), dtype=np.float64, count=len(texts))
    for place in np.flatnonzero(np.isinf(values)).tolist():
        if texts[place].lstrip("+-")[:1] not in ("i", "I"):
            raise PageRefused(lines[place], f"{shown(texts[place])} is too large for a 64-bit float")
    return values


@dataclass(slots=True)
class ValueRules:
    """Which values must be what: places in the page's list of samples. Filled while a page is read, then frozen into arrays."""

    counters: list[int] = field(default_factory=list)
    """Neither NaN nor negative."""
    not_nan: list[int] = field(default_factory=list)
    not_negative: list[int] = field(default_factory=list)
    """NaN is allowed."""
    whole: list[int] = field(default_factory=list)
    one: list[int] = field(default_factory=list)
    zero_or_one: list[int] = field(default_factory=list)
    rising: list[tuple[int, int]] = field(default_factory=list)
    """The first at most the second."""
    equal: list[tuple[int, int]] = field(default_factory=list)
    _arrays: list[npt.NDArray[np.int64]] | None = None

    def check(self, values: Values, lines: Sequence[int]) -> None:
        """Raises PageRefused for the first value that breaks a rule."""
        if self._arrays is None:
            plain = (self.counters, self.not_nan, self.not_negative, self.whole, self.one, self.zero_or_one)
            pairs = (self.rising, self.equal)
            self._arrays = [
                *(np.array(places, dtype=np.int64) for places in plain),
                *(np.array(places, dtype=np.int64).reshape(-1, 2) for places in pairs),
            ]
        counters, not_nan, not_negative, whole, one, zero_or_one, rising, equal = self._arrays
        broken: list[tuple[int, str]] = []

        def note(places: npt.NDArray[np.int64], right: npt.NDArray[np.bool_], reason: str) -> None:
            if not right.all():
                place = int(places[~right][0])
                broken.append((lines[place], reason.format(value=f"{values[place]:g}")))

        # NaN is neither at least 0 nor below 0, which is what tells the two rules apart.
        note(counters, values[counters] >= 0, "{value}: a counter is a number of at least 0")
        note(not_nan, ~np.isnan(values[not_nan]), "a sum is not a number")
        note(not_negative, ~(values[not_negative] < 0), "{value}: this value may not be negative")
        note(whole, _whole(values[whole]), "{value}: a count is a whole number")
        note(one, values[one] == 1, "{value}: an info sample is always 1")
        note(zero_or_one, (values[zero_or_one] == 0) | (values[zero_or_one] == 1), "{value}: a state is 0 or 1")
        note(rising[:, 1], values[rising[:, 0]] <= values[rising[:, 1]], "{value}: a bucket holds less than the one before it")
        note(equal[:, 1], values[equal[:, 0]] == values[equal[:, 1]], "{value}: the count is not the +Inf bucket's")
        if broken:
            raise PageRefused(*min(broken))


def _whole(values: Values) -> npt.NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        right: npt.NDArray[np.bool_] = np.floor(values) == values
    return right
