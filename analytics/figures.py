"""`check --figures`: every figure of a platform's design, worked out again from its pack, and whether the platform meets it.

Two questions, kept apart: is the figure *reproduced* (arithmetic over the pack, which must always hold), and is the target *met*
(a reading, which may fail).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, DecimalException
from typing import Any

from pydantic import BaseModel

from roomleft.errors import PackError
from roomleft.limits import State
from roomleft.packs import Pack
from roomleft.packs_yaml import nearest

Value = Any
"""A Decimal, a length of time, a section (mapping or model), a list, a word, or nothing."""


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One figure. `computed` None and `error` in words when the arithmetic fails; `target_met` None when no reading tells, or none is needed."""

    platform: str
    state: str
    figure: str
    unit: str
    expected: Decimal
    computed: Decimal | None
    reproduced: bool
    target_met: bool | None
    source: str
    error: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The row as JSON promises it: decimals as strings."""
        return {
            "platform": self.platform,
            "state": self.state,
            "figure": self.figure,
            "unit": self.unit,
            "expected": plain(self.expected),
            "computed": None if self.computed is None else plain(self.computed),
            "reproduced": self.reproduced,
            "target_met": self.target_met,
            "source": self.source,
            **({"error": self.error} if self.error else {}),
        }


def figure_rows(pack: Pack, states: Mapping[str, str] | None = None) -> list[FigureRow]:
    """Every figure of a pack. `states` (limit id → state, as measured) is what targets are judged from."""
    states = states or {}
    names = namespace(pack)
    rows = []
    for figure in pack.figures:
        computed, error = None, ""
        try:
            computed = evaluate(figure.computed, names)
        except PackError as fault:
            error = str(fault)
        state = states.get(f"{pack.slug}.{figure.limit}") if figure.limit else None
        met = None if state in (None, State.UNKNOWN) else state != State.EXHAUSTED
        same = computed is not None and computed == figure.expected
        rows.append(
            FigureRow(
                pack.slug, figure.state, figure.figure, figure.unit, figure.expected, computed, same, met, figure.source, error
            )
        )
    return rows


def namespace(pack: Pack) -> dict[str, Any]:
    """What an expression may name: the pack's sections, with the items of lists by their id."""
    limits = {
        spec.id: {**{name: getattr(spec, name) for name in type(spec).model_fields}, "amount": pack.amount_of(spec)}
        for spec in pack.limits
    }
    prices = {
        group.provider: {model: {**dict(listed.prices[-1]), "prices": listed.prices} for model, listed in group.models.items()}
        for group in pack.prices
    }
    return {
        "limits": limits,
        "prices": prices,
        "thresholds": pack.thresholds,
        "targets": {target.id: target for target in pack.targets},
        "scores": pack.scores,
        "reports": pack.reports,
        "advice": {advice.id: advice for advice in pack.advice},
        "states": pack.states,
        "tiers": {tier.name: tier for tier in pack.tiers},
        "personas": {persona.name: persona for persona in pack.personas},
        "costs": {"items": {item.id: item for item in pack.cost_items()}},
        "cost_tiers": {
            tier.id: {
                "daily_users": tier.daily_users,
                "items": {item.id: item for item in tier.items},
                "total": sum((item.usd_per_month for item in tier.items), Decimal(0)),
                "holds": tier.holds,
                "planned": tier.planned,
            }
            for tier in pack.cost_tiers
        },
        "alternatives": {each.id: each for each in pack.alternatives},
        "scaling": pack.scaling,
    }


def evaluate(text: str, names: Mapping[str, Any]) -> Decimal:
    """An arithmetic expression over `names`, exactly: + - * / **, brackets, paths, and total, days, hours, minutes, minimum,
    maximum, ceiling, floor, rounded (half up, to so many digits).

    Raises PackError for anything else: it is read as a tree, nothing in it is ever run.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise PackError(
            "not an expression", text, "write arithmetic over the pack, for example limits.page_load.amount / 1000"
        ) from error
    try:
        value = _value(tree, text, names)
    except (DecimalException, ZeroDivisionError, RecursionError, OverflowError) as error:
        raise PackError(f"cannot be worked out: {type(error).__name__}", text) from error
    if not isinstance(value, Decimal):
        raise PackError(f"gives {_kind(value)}, not a number", text, "end the path at a figure")
    return value


OPERATORS: Mapping[type[ast.operator], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}
SPANS = {"days": 86_400, "hours": 3_600, "minutes": 60}
ROUNDINGS = {"ceiling": ROUND_CEILING, "floor": ROUND_FLOOR}
FUNCTIONS = ("total", *SPANS, "minimum", "maximum", *ROUNDINGS, "rounded")


def _value(node: ast.expr, text: str, names: Mapping[str, Any]) -> Value:
    match node:
        case ast.Constant(value=bool()):
            raise PackError("truth values are no figures", text)
        case ast.Constant(value=int() | float()):
            # The text itself, so that 0.1 is a tenth.
            return Decimal((ast.get_source_segment(text.strip(), node) or "0").replace("_", ""))
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_number(inner, text, names)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            b = _number(right, text, names)
            if isinstance(op, ast.Pow) and abs(b) > 64:
                raise PackError("a power above 64", text)
            return OPERATORS[type(op)](_number(left, text, names), b)
        case ast.Name(id=name):
            return _step(names, name, text)
        case ast.Attribute(value=inner, attr=name):
            return _step(_value(inner, text, names), name, text)
        case ast.Subscript(value=inner, slice=ast.Constant(value=str() | int() as key)) if not isinstance(key, bool):
            return _step(_value(inner, text, names), key, text)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return _call(name, args, text, names)
    raise PackError(
        f"'{ast.unparse(node)}' is not arithmetic",
        text,
        f"only + - * / **, paths and {', '.join(FUNCTIONS)}",
    )


def _call(name: str, args: list[ast.expr], text: str, names: Mapping[str, Any]) -> Decimal:
    if name == "total" and len(args) == 2 and isinstance(args[1], ast.Constant) and isinstance(args[1].value, str):
        items = _value(args[0], text, names)
        values = list(items.values()) if isinstance(items, Mapping) else items
        if not isinstance(values, list):
            raise PackError(f"total adds up a list, not {_kind(items)}", text)
        found = [_step(item, args[1].value, text) for item in values]
        return sum((value for value in found if isinstance(value, Decimal)), Decimal(0))
    if name in SPANS and len(args) == 1:
        span = _value(args[0], text, names)
        if not isinstance(span, timedelta):
            raise PackError(f"{name} counts a length of time, not {_kind(span)}", text)
        return Decimal(span // timedelta(microseconds=1)) / (SPANS[name] * 1_000_000)
    if name in ("minimum", "maximum") and args:
        numbers = [_number(arg, text, names) for arg in args]
        return min(numbers) if name == "minimum" else max(numbers)
    if name in ROUNDINGS and len(args) == 1:
        return _number(args[0], text, names).to_integral_value(ROUNDINGS[name])
    if name == "rounded" and len(args) == 2 and isinstance(args[1], ast.Constant) and type(args[1].value) is int:
        if not 0 <= args[1].value <= 12:
            raise PackError("rounded takes 0 to 12 digits", text)
        return _number(args[0], text, names).quantize(Decimal(1).scaleb(-args[1].value), ROUND_HALF_UP)
    raise PackError(f"unknown function '{name}'", text, nearest(name, FUNCTIONS))


def _number(node: ast.expr, text: str, names: Mapping[str, Any]) -> Decimal:
    value = _value(node, text, names)
    if not isinstance(value, Decimal):
        raise PackError(f"'{ast.unparse(node)}' is {_kind(value)}, not a number", text)
    return value


def _step(value: Any, name: str | int, text: str) -> Any:
    if isinstance(value, list) and isinstance(name, int):
        if not -len(value) <= name < len(value):
            raise PackError(f"there is no item {name}", text, f"the list has {len(value)}")
        return _plain(value[name])
    if isinstance(value, BaseModel):
        value = {field: getattr(value, field) for field in type(value).model_fields}
    if not isinstance(value, Mapping):
        raise PackError(f"'{name}' of {_kind(value)}", text)
    if name not in value:
        raise PackError(f"unknown name '{name}'", text, nearest(name, value))
    return _plain(value[name])


def _plain(value: Any) -> Any:
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    return {timedelta: "a length of time", str: "a word", list: "a list"}.get(type(value), "a section")


def plain(number: Decimal) -> str:
    """A decimal without an exponent or needless zeros: `43.2`, `100000`."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
