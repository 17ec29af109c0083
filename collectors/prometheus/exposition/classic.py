"""The strict reading of a page in the Prometheus text format, 0.0.4 or 1.0.0.

The format asks less than OpenMetrics: comments, loose blanks and interleaved families are fine. What would make a series or its type
ambiguous is refused.
"""

from __future__ import annotations

import re
from decimal import Decimal

from collectors.prometheus.exposition.content_type import Format
from collectors.prometheus.exposition.page import Family, Labels, Series, Structure, refuse_if_more
from collectors.prometheus.exposition.refusal import PageRefused, shown
from collectors.prometheus.exposition.sample_line import Words, milliseconds, scan_sample, unescaped
from collectors.prometheus.exposition.value_rules import is_number

TYPES = {"counter": "counter", "gauge": "gauge", "histogram": "histogram", "summary": "summary", "untyped": "unknown"}
SUFFIXES = {"histogram": ("", "_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}
METADATA = re.compile(r'#[ \t]+(HELP|TYPE)[ \t]+([a-zA-Z_:][a-zA-Z0-9_:]*|"(?:[^"\\]|\\.)+")(?:[ \t]+(.*))?', re.DOTALL)
KEYWORD = re.compile(r"#[ \t]+(HELP|TYPE)(?:[ \t]|$)")
BOUND_OF = {"histogram": ("_bucket", "le"), "summary": ("", "quantile")}


class TextPage:
    """Reads one page. `heads` remembers the series of lines met before; new ones are added to `met`."""

    def __init__(self, heads: dict[str, Series], met: dict[str, Series]) -> None:
        self._heads, self._met = heads, met
        self._words = Words()
        self.structure = Structure(Format.TEXT, [], [], [])
        self.values: list[str] = []
        self._families: dict[str, Family] = {}
        self._family_of: dict[str, Family] = {}
        self._typed: set[str] = set()
        self._untimed: set[Series] = set()
        self._timed: set[tuple[Series, Decimal]] = set()
        self._with_times: set[Series] = set()
        self._times: list[Decimal | None] = []

    def read(self, text: str, most: int | None = None) -> Structure:
        """The structure of a page of at most `most` samples. Raises PageRefused, TooManySeries."""
        lines = text.split("\n")
        if lines.pop():
            raise PageRefused(
                len(lines) + 1, "the last line has no end: the page was cut short", "ask again; is a body limit set on the way?"
            )
        for number, line in enumerate(lines, 1):
            if line[:1] == "#" or line[:1] in (" ", "\t", ""):
                bare = line.lstrip(" \t")
                if bare[:1] == "#":
                    self._comment(bare, number)
                    continue
                if not bare:
                    continue
            self._sample(line, number)
            if most is not None:
                refuse_if_more(self.structure.series, most, lines)
        self.structure.families = list(self._families.values())
        self.structure.times_s = self._times if self._timed else None
        return self.structure

    def _comment(self, line: str, number: int) -> None:
        if KEYWORD.match(line) is None:
            return
        found = METADATA.fullmatch(line)
        if found is None:
            raise PageRefused(number, f"{shown(line)} names no metric")
        keyword, name, text = found[1], found[2], found[3] or ""
        if name.startswith('"'):
            name = unescaped(name[1:-1])
        family = self._families.get(name) or self._open(name, number)
        if keyword == "HELP":
            if family.help is not None:
                raise PageRefused(number, f"a second HELP of {name}")
            family.help = unescaped(text)
            return
        kind = TYPES.get(text.rstrip(" \t"))
        if kind is None:
            raise PageRefused(number, f"{shown(text)} is not a type", f"types: {', '.join(TYPES)}")
        if name in self._typed:
            raise PageRefused(number, f"a second TYPE of {name}")
        for suffix in SUFFIXES.get(kind, ("",)):
            # A histogram's own samples may not come before it is known to be one.
            if (before := self._family_of.get(name + suffix)) is not None and before.samples and name + suffix not in self._typed:
                raise PageRefused(number, f"TYPE of {name} after its samples")
        self._typed.add(name)
        family.type = kind
        for suffix in SUFFIXES.get(kind, ("",)):
            if suffix and name + suffix in self._typed:
                continue
            self._family_of[name + suffix] = family

    def _open(self, name: str, line: int) -> Family:
        family = self._families[name] = Family(name, line)
        self._family_of.setdefault(name, family)
        return family

    def _sample(self, line: str, number: int) -> None:
        head, _, value = line.rpartition(" ")
        # A tab ends a value here, so what stands after the last blank may be more than one.
        one = "\t" not in value
        series = (self._heads.get(head) or self._met.get(head)) if one else None
        if series is None and one and (series := self._words.series(head, number)) is not None:
            self._met[head] = series
        time: Decimal | None = None
        if series is None:
            scanned = scan_sample(line, number, openmetrics=False)
            series, value = (scanned.name, scanned.labels), scanned.value
            time = milliseconds(scanned.time, number) if scanned.time is not None else None
            if scanned.plain:
                self._met[head] = series
            else:
                self.structure.plain = False
        self._once(series, time, head, number)
        name, labels = series
        family = self._family_of.get(name) or self._open(name, number)
        if (bound := BOUND_OF.get(family.type)) is not None:
            _check_bound(family, name, labels, bound, number)
        family.samples += 1
        self.structure.series.append(series)
        self.structure.lines.append(number)
        self.values.append(value)
        self._times.append(time)

    def _once(self, series: Series, time: Decimal | None, head: str, line: int) -> None:
        """A series comes once, or once for each of its timestamps."""
        known = len(self._untimed) + len(self._timed)
        if time is None:
            self._untimed.add(series)
            twice = bool(self._timed) and series in self._with_times
        else:
            self._timed.add((series, time))
            self._with_times.add(series)
            twice = series in self._untimed
        if twice or len(self._untimed) + len(self._timed) == known:
            raise PageRefused(line, f"the series {shown(head, 120)} is there twice")


def _check_bound(family: Family, name: str, labels: Labels, bound: tuple[str, str], line: int) -> None:
    suffix, label = bound
    if name != family.name + suffix:
        return
    text = dict(labels).get(label)
    if text is not None and not is_number(text):
        raise PageRefused(line, f"{label}={shown(text)} is not a number")
