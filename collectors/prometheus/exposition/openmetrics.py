"""The strict reading of an OpenMetrics 1.0 page: every rule of the specification that does not depend on the values themselves.

Rules on values are noted in `ValueRules` and checked on every scrape, also where the structure is already known.
"""

from __future__ import annotations

import re
from decimal import Decimal

from collectors.prometheus.exposition.content_type import Format
from collectors.prometheus.exposition.histogram_groups import HistogramGroup
from collectors.prometheus.exposition.page import Family, Labels, Series, Structure, refuse_if_more
from collectors.prometheus.exposition.refusal import PageRefused, shown
from collectors.prometheus.exposition.sample_line import Words, scan_sample, seconds, unescaped
from collectors.prometheus.exposition.value_rules import is_number

SUFFIXES: dict[str, tuple[str, ...]] = {
    "unknown": ("",),
    "gauge": ("",),
    "stateset": ("",),
    "counter": ("_total", "_created"),
    "summary": ("", "_count", "_sum", "_created"),
    "histogram": ("_bucket", "_count", "_sum", "_created"),
    "gaugehistogram": ("_bucket", "_gcount", "_gsum"),
    "info": ("_info",),
}
METADATA = re.compile(r'# (HELP|TYPE|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*|"(?:[^"\\]|\\.)+") (.*)', re.DOTALL)
EOF = "# EOF"
WITH_EXEMPLARS = frozenset({("counter", "_total"), ("histogram", "_bucket"), ("gaugehistogram", "_bucket")})


class OpenMetricsPage:
    """Reads one page. `heads` remembers the series of lines met before; new ones are added to `met`."""

    def __init__(self, heads: dict[str, Series], met: dict[str, Series]) -> None:
        self._heads, self._met = heads, met
        self._words = Words()
        self.structure = Structure(Format.OPENMETRICS, [], [], [])
        self.values: list[str] = []
        self._family: Family | None = None
        self._begun: dict[str, int] = {}
        self._taken: dict[str, str] = {}
        self._times: list[Decimal | None] = []
        self._timed = False
        self._seen: set[tuple[str, Labels, Decimal | None]] = set()
        self._suffix_of: dict[str, str] = {}
        self._groups: set[Labels] = set()
        self._group: Labels | None = None
        self._group_time: Decimal | None = None
        self._histogram: HistogramGroup | None = None

    def read(self, text: str, most: int | None = None) -> Structure:
        """The structure of a page of at most `most` samples. Raises PageRefused, TooManySeries."""
        lines = text.split("\n")
        if lines and not lines[-1]:
            lines.pop()
        if EOF not in lines:
            raise PageRefused(
                len(lines), "the page has no '# EOF' at its end: it was cut short", "ask again; is a body limit set on the way?"
            )
        for number, line in enumerate(lines, 1):
            if line[:1] == "#":
                if line == EOF:
                    if number != len(lines):
                        raise PageRefused(number + 1, "there is more after '# EOF'")
                    break
                self._metadata(line, number)
            elif line:
                self._sample(line, number)
                if most is not None:
                    refuse_if_more(self.structure.series, most, lines)
            else:
                raise PageRefused(number, "a blank line")
        self._close()
        self.structure.times_s = self._times if self._timed else None
        return self.structure

    # Families

    def _metadata(self, line: str, number: int) -> None:
        found = METADATA.fullmatch(line)
        if found is None:
            raise PageRefused(
                number,
                f"{shown(line)} is neither HELP, TYPE, UNIT nor EOF, with a name and a text",
                "OpenMetrics has no comments",
            )
        keyword, name, text = found.groups()
        if name.startswith('"'):
            name = unescaped(name[1:-1])
        family = self._family
        if family is None or family.name != name:
            family = self._open(name, number)
        elif family.samples:
            raise PageRefused(number, f"{keyword} of {name} after its samples")
        if keyword == "HELP":
            if family.help is not None:
                raise PageRefused(number, f"a second HELP of {name}")
            family.help = unescaped(text)
        elif keyword == "TYPE":
            if self._suffix_of:
                raise PageRefused(number, f"a second TYPE of {name}")
            if text not in SUFFIXES:
                raise PageRefused(number, f"{shown(text)} is not a type", f"types: {', '.join(sorted(SUFFIXES))}")
            family.type = text
            self._suffix_of = {name + suffix: suffix for suffix in SUFFIXES[text]}
        else:
            if family.unit is not None:
                raise PageRefused(number, f"a second UNIT of {name}")
            family.unit = text

    def _open(self, name: str, line: int) -> Family:
        self._close()
        if name in self._begun:
            raise PageRefused(
                line, f"{name} began on line {self._begun[name]} and comes again here", "a family's lines stand together"
            )
        self._begun[name] = line
        self._family = family = Family(name, line)
        self.structure.families.append(family)
        self._suffix_of, self._groups, self._group, self._group_time = {}, set(), None, None
        return family

    def _close(self) -> None:
        family = self._family
        if family is None:
            return
        self._close_histogram()
        for suffix in {"", *SUFFIXES[family.type]}:
            owner = self._taken.setdefault(family.name + suffix, family.name)
            if owner != family.name:
                raise PageRefused(family.line, f"{family.name + suffix} of {family.name} is also a name of {owner}")
        if family.unit:
            if not family.name.endswith("_" + family.unit):
                raise PageRefused(family.line, f"the unit {shown(family.unit)} is not the end of the name {family.name}")
            if family.type in ("info", "stateset"):
                raise PageRefused(family.line, f"{family.name} is of type {family.type}, which has no unit")
        self._family = None

    # Samples

    def _sample(self, line: str, number: int) -> None:
        head, _, value = line.rpartition(" ")
        series = self._heads.get(head) or self._met.get(head)
        if series is None and (series := self._words.series(head, number)) is not None:
            self._met[head] = series
        time: Decimal | None = None
        exemplar = False
        if series is None:
            scanned = scan_sample(line, number, openmetrics=True)
            series, value, exemplar = (scanned.name, scanned.labels), scanned.value, scanned.exemplar
            time = seconds(scanned.time, number) if scanned.time is not None else None
            if scanned.plain:
                self._met[head] = series
            else:
                self.structure.plain = False
        name, labels = series
        family = self._family
        suffix = self._suffix_of.get(name)
        if family is None or (suffix is None and (self._suffix_of or name != family.name)):
            family, suffix = self._open(name, number), ""
        elif suffix is None:
            suffix = ""
        if not self._suffix_of:
            self._suffix_of = {family.name: ""}
        if (name, labels, time) in self._seen:
            raise PageRefused(number, f"the series {shown(head, 120)} is there twice")
        self._seen.add((name, labels, time))
        place = len(self.values)
        group = self._check(family, suffix, labels, number, place)
        self._order(family, group, time, number)
        if family.type in ("histogram", "gaugehistogram"):
            self._bucket(family, suffix, labels, place, number)
        if exemplar:
            if (family.type, suffix) not in WITH_EXEMPLARS:
                raise PageRefused(number, f"an exemplar on {name}: only counters' totals and histograms' buckets carry one")
            self.structure.exemplars += 1
        family.samples += 1
        self.structure.series.append(series)
        self.structure.lines.append(number)
        self.values.append(value)
        self._times.append(time)
        self._timed = self._timed or time is not None

    def _check(self, family: Family, suffix: str, labels: Labels, line: int, place: int) -> Labels:
        """What the family's type demands of one sample; its group: the labels that all samples of one metric share."""
        rules, kind = self.structure.rules, family.type
        if kind in ("gauge", "unknown"):
            return labels
        if kind == "counter":
            if suffix == "_total":
                rules.counters.append(place)
            return labels
        if kind == "info":
            rules.one.append(place)
            return ()
        if kind == "stateset":
            rules.zero_or_one.append(place)
            return _without(family.name, labels, line)
        if suffix == "_bucket":
            rules.counters.append(place)
            rules.whole.append(place)
            return _without("le", labels, line)
        if suffix in ("_count", "_gcount"):
            rules.counters.append(place)
            rules.whole.append(place)
        elif suffix == "_sum":
            rules.counters.append(place)
        elif suffix == "_gsum":
            rules.not_nan.append(place)
        elif suffix == "":
            rules.not_negative.append(place)
            text = dict(labels).get("quantile", "")
            if not is_number(text) or not 0 <= float(text) <= 1:
                raise PageRefused(line, f"the quantile {shown(text)} is not a number from 0 to 1")
            return _without("quantile", labels, line)
        return labels

    def _order(self, family: Family, group: Labels, time: Decimal | None, line: int) -> None:
        if group == self._group:
            if (time is None) != (self._group_time is None):
                raise PageRefused(line, "some samples of this metric have a timestamp, others have none")
            if time is not None and self._group_time is not None and time < self._group_time and family.type != "info":
                raise PageRefused(line, "the timestamps of this metric run backwards")
            if time == self._group_time:
                return
        elif group in self._groups:
            raise PageRefused(line, f"samples of one metric of {family.name} do not stand together")
        self._close_histogram()
        self._groups.add(group)
        self._group, self._group_time = group, time

    def _bucket(self, family: Family, suffix: str, labels: Labels, place: int, line: int) -> None:
        if self._histogram is None:
            self._histogram = HistogramGroup(family.name, line)
        self._histogram.add(suffix, labels, place, line)

    def _close_histogram(self) -> None:
        if self._histogram is not None:
            self._histogram.close(self.structure.rules)
            self._histogram = None


def _without(name: str, labels: Labels, line: int) -> Labels:
    rest = tuple(pair for pair in labels if pair[0] != name)
    if len(rest) == len(labels):
        raise PageRefused(line, f"the label {name!r} is missing")
    return rest
