"""One sample line: `name{label="value",…} value [timestamp] [# exemplar]`, and the quoted names of newer versions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from collectors.prometheus.exposition.page import Labels, Series
from collectors.prometheus.exposition.refusal import PageRefused, shown
from collectors.prometheus.exposition.value_rules import is_number

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
BLANKS = re.compile(r"[ \t]*")
ESCAPE = re.compile(r'\\([\\n"])')
ESCAPED = {"\\": "\\", "n": "\n", '"': '"'}

SIMPLE_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="([^"\\]*)"')
"""A label without escapes, quoted name or loose blanks, valid in both formats: nearly all of them."""
SIMPLE_LABELS = re.compile(rf"{SIMPLE_LABEL.pattern}(?:,{SIMPLE_LABEL.pattern})*")

TEXT_REST = re.compile(r"[ \t]*([^ \t]+)(?:[ \t]+([^ \t]+))?[ \t]*")
OPENMETRICS_REST = re.compile(r" ([^ ]+)(?: ([^ #][^ ]*))?(?: # (.*))?")
EXEMPLAR_REST = re.compile(r" ([^ ]+)(?: ([^ ]+))?")
EXEMPLAR_CHARACTERS = 128
RESERVED = "__name__"


@dataclass(frozen=True, slots=True)
class SampleLine:
    """A sample line taken apart. `plain`: nothing but the series, one blank and the value, so that all but the value is `head`."""

    name: str
    labels: Labels
    value: str
    time: str | None
    exemplar: bool
    plain: bool


def unescaped(text: str) -> str:
    """A quoted text's meaning. A backslash before any other character stands for itself."""
    return ESCAPE.sub(lambda found: ESCAPED[found[1]], text) if "\\" in text else text


class Words:
    """The names and label pairs of one page: each is taken apart once, however many series carry it."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._pairs: dict[str, tuple[str, str]] = {}

    def series(self, head: str, line: int) -> Series | None:
        """The series that a head names, when it is written in the usual way; None when it needs a closer look. Raises PageRefused."""
        name, brace, rest = head.partition("{")
        if name not in self._names:
            if NAME.fullmatch(name) is None:
                return None
            self._names.add(name)
        if not brace:
            return name, ()
        if rest[-1:] != "}":
            return None
        inner = rest[:-1]
        if not inner:
            return name, ()
        texts = inner.split(",")
        pairs: list[tuple[str, str]] = list(map(self._pairs.get, texts))  # type: ignore[arg-type]
        if None in pairs and not self._meet(texts, pairs):
            # A value with a comma in it is cut in two above.
            if SIMPLE_LABELS.fullmatch(inner) is None:
                return None
            pairs = SIMPLE_LABEL.findall(inner)
        if len(pairs) > 1:
            pairs.sort()
        if '""' in inner or RESERVED in inner or len(dict(pairs)) != len(pairs):
            return name, sorted_labels(pairs, line)
        return name, tuple(pairs)

    def _meet(self, texts: list[str], pairs: list[tuple[str, str]]) -> bool:
        for place, text in enumerate(texts):
            if pairs[place] is None:
                found = SIMPLE_LABEL.fullmatch(text)
                if found is None:
                    return False
                pairs[place] = self._pairs[text] = (found[1], found[2])
        return True


def sorted_labels(pairs: list[tuple[str, str]], line: int) -> Labels:
    """Label pairs in the one order that names a series, without the empty ones. Raises PageRefused for a name given twice."""
    if len(pairs) > 1:
        pairs = sorted(pairs)
        before = None
        for name, _ in pairs:
            if name == before:
                raise PageRefused(line, f"label {name!r} is given twice")
            before = name
    for name, value in pairs:
        if not value:
            return tuple(pair for pair in pairs if pair[1])
        if name == RESERVED:
            raise PageRefused(line, f"the label {RESERVED} is reserved for the series' own name")
    return tuple(pairs)


def scan_sample(text: str, line: int, *, openmetrics: bool) -> SampleLine:
    """Take a sample line apart by the format's whole grammar; blanks may be loose in the classic format only. Raises PageRefused."""
    at = 0 if openmetrics else _blanks(text, 0)
    found = NAME.match(text, at)
    name = found[0] if found else None
    at = found.end() if found else at
    if name is None and text[at : at + 1] != "{":
        raise PageRefused(line, f"{shown(text)} begins with no metric name")
    after = at if openmetrics else _blanks(text, at)
    pairs: list[tuple[str, str]] = []
    if text[after : after + 1] == "{":
        at, pairs, quoted = _labels(text, after + 1, line, openmetrics=openmetrics)
        if name is not None and quoted is not None:
            raise PageRefused(line, "the metric is named twice, before and inside the braces")
        name = quoted if quoted is not None else name
    elif text[at : at + 1] not in (" ", "\t", ""):
        raise PageRefused(line, f"{shown(text[at:])} after the metric name")
    if name is None:
        raise PageRefused(line, "no metric name, neither before nor inside the braces")
    labels = sorted_labels(pairs, line)
    value, time, exemplar = _rest(text[at:], line, openmetrics=openmetrics)
    plain = time is None and not exemplar and text.rpartition(" ")[2] == value
    return SampleLine(name, labels, value, time, exemplar, plain)


def _rest(text: str, line: int, *, openmetrics: bool) -> tuple[str, str | None, bool]:
    """The value, the time and whether there is an exemplar, from what follows the series."""
    found = (OPENMETRICS_REST if openmetrics else TEXT_REST).fullmatch(text)
    if found is None:
        raise PageRefused(line, "no value" if not text.strip() else f"{shown(text)} is not a value, with or without a timestamp")
    value, time = found[1], found[2]
    if not is_number(value):
        raise PageRefused(line, f"{shown(value)} is not a number")
    exemplar = found[3] if openmetrics else None
    if exemplar is not None:
        _check_exemplar(exemplar, line)
    return value, time, exemplar is not None


def _check_exemplar(text: str, line: int) -> None:
    if not text.startswith("{"):
        raise PageRefused(line, f"the exemplar {shown(text)} does not begin with labels in braces")
    at, pairs, quoted = _labels(text, 1, line, openmetrics=True)
    if quoted is not None:
        raise PageRefused(line, "an exemplar has labels, but no name")
    sorted_labels(pairs, line)
    length = sum(len(name) + len(value) for name, value in pairs)
    if length > EXEMPLAR_CHARACTERS:
        raise PageRefused(line, f"the exemplar's labels are {length} characters long; at most {EXEMPLAR_CHARACTERS}")
    found = EXEMPLAR_REST.fullmatch(text[at:])
    if found is None or not is_number(found[1]):
        raise PageRefused(line, f"the exemplar's value {shown(text[at:].strip())} is not a number")
    if found[2] is not None:
        seconds(found[2], line)


def _labels(text: str, at: int, line: int, *, openmetrics: bool) -> tuple[int, list[tuple[str, str]], str | None]:
    """Labels from after the opening brace: the place after the closing one, the pairs, and a quoted metric name among them."""
    pairs: list[tuple[str, str]] = []
    quoted_name: str | None = None
    first = True
    while True:
        at = at if openmetrics else _blanks(text, at)
        if text[at : at + 1] == "}" and (first or not openmetrics or text[at - 1] != ","):
            return at + 1, pairs, quoted_name
        found = LABEL_NAME.match(text, at) or QUOTED.match(text, at)
        if found is None:
            raise PageRefused(
                line, f"{shown(text[at:])} where a label or a closing brace should be" if text[at:] else "no closing brace"
            )
        at = found.end() if openmetrics else _blanks(text, found.end())
        is_quoted = found[0].startswith('"')
        name = unescaped(found[1]) if is_quoted else found[0]
        if text[at : at + 1] == "=":
            at = at + 1 if openmetrics else _blanks(text, at + 1)
            value = QUOTED.match(text, at)
            if value is None:
                raise PageRefused(line, f"the value of label {name!r} is not a quoted text")
            if not name:
                raise PageRefused(line, "a label's name is empty")
            pairs.append((name, unescaped(value[1])))
            at = value.end() if openmetrics else _blanks(text, value.end())
        elif is_quoted and quoted_name is None and name:
            quoted_name = name
        else:
            raise PageRefused(line, f"label {name!r} has no value")
        first = False
        if text[at : at + 1] == ",":
            at += 1
        elif text[at : at + 1] != "}":
            raise PageRefused(line, f"{shown(text[at:])} after label {name!r}, where a comma or a closing brace should be")


def seconds(text: str, line: int) -> Decimal:
    """An OpenMetrics timestamp, in Unix seconds, exact. Raises PageRefused for what is no finite number."""
    try:
        time = Decimal(text) if is_number(text) else Decimal("NaN")
    except InvalidOperation:
        time = Decimal("NaN")
    if not time.is_finite():
        raise PageRefused(line, f"{shown(text)} is not a timestamp in seconds")
    return time


def milliseconds(text: str, line: int) -> Decimal:
    """A classic timestamp (whole milliseconds), in Unix seconds, exact. Raises PageRefused."""
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise PageRefused(line, f"{shown(text)} is not a timestamp in whole milliseconds")
    return Decimal(text) / 1000


def _blanks(text: str, at: int) -> int:
    found = BLANKS.match(text, at)
    return found.end() if found else at
