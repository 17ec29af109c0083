"""Matchers of labels, as Alertmanager writes them: `severity=critical`, `component!="edge"`, `alertname=~"Replica.*"`, `owner!~"a|b"`.

A pattern must match the whole value and is RE2: its time is linear in the value, so that no pattern can hold up an evaluation. A label that an alert
does not have is empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from roomleft.errors import InputError

WRITTEN = re.compile(r"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL)
NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
OPS = ("=", "!=", "=~", "!~")
HINT = 'write for example severity=critical, component!=edge or alertname=~"Replica.*"'
ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
LONGEST = 500
IMPROBABLE = ("", "zqxjvk", "Zqxj-9 vk")
"""Values that no label has: what matches all of them is not about any value."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label. `op` is one of `OPS`."""

    name: str
    op: str
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a label set satisfies it."""
        return self.accepts(labels.get(self.name, ""))

    def accepts(self, value: str) -> bool:
        """Whether a value of the label does."""
        found = _whole(self.value, value) if self.op in ("=~", "!~") else value == self.value
        return found if self.op in ("=", "=~") else not found

    @property
    def is_wide(self) -> bool:
        """Whether it holds of labels whatever they are: `alertname=~.*`, `component!=edge`."""
        return all(self.accepts(value) for value in IMPROBABLE[1:])

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.op}"{escaped}"'


def matches(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether a label set satisfies every matcher."""
    return all(matcher.matches(labels) for matcher in matchers)


def parse_matcher(text: str) -> Matcher:
    """A matcher as it is written; quotes around the value may be left out. Raises InputError."""
    found = WRITTEN.fullmatch(text)
    if found is None:
        raise InputError(f"{text[:100]!r} is not a matcher", hint=HINT)
    name, op, value = found.groups()
    if value[:1] == '"' or value[-1:] == '"':
        if len(value) < 2 or value[0] != '"' or value[-1] != '"':
            raise InputError(f"{text[:100]!r} is not a matcher: a quote is missing", hint=HINT)
        value = re.sub(r'\\[\\"n]', lambda each: ESCAPES[each[0]], value[1:-1])
    return matcher_of(name, op, value)


def matcher_of(name: str, op: str, value: str) -> Matcher:
    """A matcher of its parts. Raises InputError for a name, operator or pattern that is none."""
    if not NAME.fullmatch(name):
        raise InputError(f"{name[:60]!r} is not a label's name", hint="letters, digits and underscores, no digit first")
    if op not in OPS:
        raise InputError(f"{op[:10]!r} compares nothing", hint=f"one of {' '.join(OPS)}")
    if len(value) > LONGEST:
        raise InputError(f"the value of the matcher on {name} is longer than {LONGEST} letters", hint="match another label")
    matcher = Matcher(name, op, value)
    if op in ("=~", "!~"):
        try:
            pc.match_substring_regex(pa.scalar(""), pattern=value)  # by itself: no bracket of it may close one of ours
            _whole(value, "")
        except pa.ArrowInvalid as error:
            words = str(error).removeprefix("Invalid regular expression: ")
            raise InputError(
                f"the pattern of {name} is no regular expression: {words}", hint="RE2 syntax, as Alertmanager's"
            ) from error
    return matcher


def parse_matchers(texts: Sequence[str]) -> tuple[Matcher, ...]:
    """Matchers as they are written, in a settled order, each once. Raises InputError."""
    return settled(parse_matcher(text) for text in texts)


def settled(matchers: Iterable[Matcher]) -> tuple[Matcher, ...]:
    """Matchers in a settled order, each once: two lists that say the same are equal."""
    return tuple(sorted(set(matchers), key=lambda each: (each.name, each.op, each.value)))


def as_document(matchers: Iterable[Matcher]) -> list[dict[str, str]]:
    """Matchers as the state database keeps them."""
    return [{"name": each.name, "op": each.op, "value": each.value} for each in matchers]


def of_document(document: Iterable[Mapping[str, Any]]) -> tuple[Matcher, ...]:
    """Matchers of `as_document`."""
    return tuple(Matcher(each["name"], each["op"], each["value"]) for each in document)


@lru_cache(maxsize=65_536)
def _whole(pattern: str, value: str) -> bool:
    return bool(pc.match_substring_regex(pa.scalar(value), pattern=rf"\A(?s:{pattern})\z").as_py())
