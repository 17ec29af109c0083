"""One histogram at one instant: its buckets, sum and count, and what they owe one another."""

from __future__ import annotations

import math

from collectors.prometheus.exposition.page import Labels
from collectors.prometheus.exposition.refusal import PageRefused, shown
from collectors.prometheus.exposition.value_rules import ValueRules, is_number


class HistogramGroup:
    """The samples of one metric of a (gauge) histogram, in the page's order."""

    def __init__(self, name: str, line: int) -> None:
        self._name, self._line = name, line
        self._bound = -math.inf
        self._buckets: list[int] = []
        self._negative = False
        self._count: int | None = None
        self._sum = False
        self._gauge_sum: int | None = None

    def add(self, suffix: str, labels: Labels, place: int, line: int) -> None:
        """The next sample. Raises PageRefused for a bucket without a proper bound, or out of order."""
        if suffix == "_bucket":
            bound = bucket_bound(dict(labels).get("le", ""), line)
            if self._buckets and bound <= self._bound:
                raise PageRefused(line, f"the bucket {bound:g} comes after {self._bound:g}")
            self._negative = self._negative or bound < 0
            self._bound = bound
            self._buckets.append(place)
        elif suffix in ("_count", "_gcount"):
            self._count = place
        elif suffix == "_sum":
            self._sum = True
        elif suffix == "_gsum":
            self._gauge_sum = place

    def close(self, rules: ValueRules) -> None:
        """No more samples come: check the whole, and note what must hold of its values. Raises PageRefused."""
        if self._bound != math.inf:
            raise PageRefused(self._line, f"a histogram of {self._name} has no +Inf bucket")
        has_sum = self._sum or self._gauge_sum is not None
        if has_sum != (self._count is not None):
            raise PageRefused(
                self._line, f"a histogram of {self._name} has a {'sum' if has_sum else 'count'} alone: sum and count go together"
            )
        if self._negative and self._sum:
            raise PageRefused(self._line, f"a histogram of {self._name} has buckets below 0, and so may have no sum")
        if not self._negative and self._gauge_sum is not None:
            rules.not_negative.append(self._gauge_sum)
        rules.rising += list(zip(self._buckets, self._buckets[1:], strict=False))
        if self._count is not None:
            rules.equal.append((self._buckets[-1], self._count))


def bucket_bound(text: str, line: int) -> float:
    """A bucket's upper bound. Infinity is written +Inf and in no other way. Raises PageRefused."""
    bound = float(text) if is_number(text) else math.nan
    if math.isnan(bound) or (bound == math.inf and text != "+Inf"):
        raise PageRefused(line, f"the bucket's bound le={shown(text)} is neither a number nor +Inf")
    return bound
