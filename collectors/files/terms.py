"""What `--map` may say on the left: a column, a product, `min(a,b)` or `round(a)`.

context_tokens                               a column
exec_time_seconds*1000                       a column times a constant (or another column)
min(prefix_hit_blocks*512,input_tokens)      the smaller of two
round(requests*mean_input_tokens)            a whole number
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from roomleft.errors import InputError

Value = Callable[[Mapping[str, object]], object]
NUMBER = re.compile(r"\d+(\.\d+)?")
CALLS = {"min": 2, "round": 1}


class Term:
    """A parsed left side: `value(row)` computes it, `columns` are the file's columns it reads. Empty cells make it empty."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self.columns: list[str] = []
        self.value = self._parse(self.text)
        self.is_column = self.columns == [self.text]

    def _parse(self, text: str) -> Value:
        factors = [part.strip() for part in split(text, "*")]
        if not all(factors):
            raise InputError(f"{self.text!r} is not a term", "--map", __doc__.split("\n\n", 1)[1].strip().replace("\n", ";"))
        values = [self._factor(part) for part in factors]
        return values[0] if len(values) == 1 else lambda row: _product([value(row) for value in values])

    def _factor(self, text: str) -> Value:
        if NUMBER.fullmatch(text):
            constant: object = float(text) if "." in text else int(text)
            return lambda row: constant
        name, bracket, rest = text.partition("(")
        if not bracket:
            self.columns.append(text)
            return lambda row: row.get(text)
        arguments = split(rest[:-1], ",")
        if not rest.endswith(")") or CALLS.get(name.strip()) != len(arguments):
            raise InputError(f"{text!r} is not a term", "--map", "known: min(a,b) and round(a)")
        values = [self._parse(argument) for argument in arguments]
        if name.strip() == "round":
            return lambda row: _rounded(values[0](row))
        return lambda row: _smaller(values[0](row), values[1](row))


def split(text: str, at: str) -> list[str]:
    """`text` split at a character, but not inside parentheses."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == at and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def as_number(value: object) -> object:
    """A cell as a number where it is one; anything else as it is, so that the refusal can name it."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return value


def _product(values: list[object]) -> object:
    product: int | float = 1
    for value in values:
        number = as_number(value)
        if isinstance(number, bool) or not isinstance(number, int | float):
            return number
        product *= number
    return product


def _smaller(left: object, right: object) -> object:
    a, b = as_number(left), as_number(right)
    if isinstance(a, bool) or not isinstance(a, int | float):
        return a
    if isinstance(b, bool) or not isinstance(b, int | float):
        return b
    return min(a, b)


def _rounded(value: object) -> object:
    number = as_number(value)
    return round(number) if isinstance(number, float) and abs(number) < 2**63 else number
