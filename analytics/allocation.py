"""To whom cost belongs: dated mapping rules over usage as it is read. Facts never change, so a rule's own dates decide how far back it counts.

`relation` stands in place of `usage_15m` in a query and says for each of its rows what the rules make of it; `expression` is one dimension of it,
for queries in which nothing is shared out. Every text of a rule is a parameter, never part of the SQL.

A rule looks at what came with usage, never at what another rule assigned. A rule's dates count by quarter hour: the first it holds for is the first
that begins at or after `valid_from`. A share divides every row of `usage_15m` at nano-dollars (and its counts at whole numbers): the boundaries between
the parts are rounded once each, so the parts of a row add up to it, and therefore under any grouping and filter too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from roomleft.errors import InputError
from roomleft.mapping_rules import ASSIGNABLE, DIMENSIONS, KIND, MappingRule, mapping_rule
from roomleft.packs_yaml import nearest
from warehouse.state.terms import Term, Terms

__all__ = [
    "ASSIGNABLE",
    "DIMENSIONS",
    "Allocated",
    "Rule",
    "expression",
    "fitting",
    "left_open",
    "relation",
    "rules_of",
    "whose",
    "with_candidate",
]

QUARTER = timedelta(minutes=15)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COUNTS = (
    "requests", "input_uncached_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "images", "characters", "unpriced_requests",
    "unpriced_tokens", "restated_requests", "latency_count",
)  # fmt: skip
MONEY = ("cost_usd", "reported_usd", "estimated_usd")


@dataclass(frozen=True, slots=True)
class Rule:
    """A mapping rule and the time it holds for. `id` is its decision's; a candidate that is not stored yet has 0. `platform` '' means all."""

    id: int
    name: str
    platform: str
    valid_from: datetime
    valid_to: datetime | None
    says: MappingRule
    made_by: str = ""
    made_at: datetime | None = None
    note: str = ""

    def speaks_of(self, dimension: str) -> bool:
        """Whether it assigns or shares the dimension."""
        return dimension in self.says.assign or dimension in self.says.share


class Allocated(NamedTuple):
    """A part of a cost: the allocated values, and between which shares (0 to 1) of the whole it lies."""

    values: dict[str, str]
    low: Decimal
    high: Decimal


def rules_of(terms: Terms) -> list[Rule]:
    """The standing rules, in the order in which they are asked: highest priority, then oldest. Of two decisions about one rule the later holds
    from its own day on, so a rule may appear several times, at different times. Raises InputError for a stored rule that is not one."""
    return rules_from(terms.standing(KIND))


def rules_from(standing: Sequence[Term]) -> list[Rule]:
    """The rules of decisions, which are in the order in which they take each other's place."""
    found: list[Rule] = []
    for place, term in enumerate(standing):
        later = [after for after in standing[place + 1 :] if (after.platform, after.subject) == (term.platform, term.subject)]
        for since, until in _uncovered(term, later):
            says = mapping_rule(term.content, f"mapping rule {term.subject}")
            found.append(Rule(term.id, term.subject, term.platform, since, until, says, term.made_by, term.made_at, term.note))
    return in_order(found)


def with_candidate(terms: Terms, candidate: Rule) -> list[Rule]:
    """The rules there would be with one more decision, which is the youngest."""
    asked = Term(
        0, KIND, candidate.name, candidate.platform, candidate.valid_from, candidate.valid_to, candidate.says.content(), candidate.note,
        candidate.made_by, candidate.made_at or candidate.valid_from, None, None,
    )  # fmt: skip
    return rules_from(sorted([*terms.standing(KIND), asked], key=lambda term: (term.valid_from, term.id or 2**63)))


def in_order(rules: Sequence[Rule]) -> list[Rule]:
    """Highest priority first, then the oldest; a candidate is the youngest."""
    return sorted(rules, key=lambda rule: (-rule.says.priority, rule.id or 2**63))


def expression(dimension: str, rules: Sequence[Rule]) -> tuple[str, dict[str, object]]:
    """SQL over the columns of `usage_15m` that gives the allocated value of a dimension, or NULL, and its parameters.

    Where a rule shares the dimension, one row has several values: that needs `relation`. Raises InputError for an unknown dimension, or a shared one.
    """
    _known(dimension)
    if any(dimension in rule.says.share for rule in rules):
        raise InputError(f"{dimension} is shared out, so a row has several values", "allocation", "read from relation(rules)")
    cases, params = _cases(dimension, rules)
    if not cases:
        return f"nullif({dimension}, '')", {}
    whens = []
    for place, (number, condition) in enumerate(cases):
        params[f"alloc_{dimension}_{place}"] = rules[number].says.assign[dimension]  # type: ignore[index]
        whens.append(f"WHEN {condition} THEN $alloc_{dimension}_{place}::VARCHAR")
    return f"CASE {' '.join(whens)} ELSE nullif({dimension}, '') END", params


def fitting(rule: Rule) -> tuple[str, dict[str, object]]:
    """A condition over the columns of `usage_15m`: the rows that a rule's match, platform and dates speak of, and its parameters."""
    return _condition(rule, 0)


def left_open(dimension: str, rules: Sequence[Rule]) -> tuple[str, dict[str, object]]:
    """A condition over the columns of `usage_15m`: the rows whose dimension neither usage nor any rule says, and its parameters."""
    _known(dimension)
    cases, params = _cases(dimension, rules)
    tests = [f"NOT ({condition})" for _, condition in cases]
    return " AND ".join([f"nullif({dimension}, '') IS NULL", *tests]), params


def relation(rules: Sequence[Rule], *, where: str = "") -> tuple[str, dict[str, object]]:
    """A SELECT with the columns of `usage_15m`, in which the rules have been applied and shared rows divided, and its parameters.

    Put it in brackets where a query says `usage_15m`; without rules it is `SELECT * FROM usage_15m`. `where` narrows the rows before any rule is asked
    (by `bucket`, `platform` or another column that no rule assigns): `bucket >= $since`. A filter by an assigned dimension belongs outside.
    """
    narrowed = f" WHERE {where}" if where else ""
    touched = [name for name in ASSIGNABLE if any(rule.speaks_of(name) for rule in rules)]
    if not touched:
        return f"SELECT * FROM usage_15m{narrowed}", {}
    params: dict[str, object] = {}
    picks, sources = [], f"SELECT * FROM usage_15m{narrowed}"
    for name in touched:
        cases, more = _cases(name, rules)
        params |= more
        whens = " ".join(f"WHEN {condition} THEN {number}" for number, condition in cases)
        picks.append(f"CASE {whens} END AS {name}_rule")
    # Which rule counts is decided for every dimension before any is replaced.
    sources = f"SELECT *, {', '.join(picks)} FROM ({sources})"
    for name in touched:
        sources = _applied(name, rules, sources, params)
    return sources, params


def whose(row: Mapping[str, Any], rules: Sequence[Rule]) -> list[Allocated]:
    """The same for one row that is not in the warehouse (a bucket of an infrastructure item): its parts, with the assignable values they have.

    `row` has `bucket` and those of DIMENSIONS that it says. Without shares there is one part, the whole.
    """
    parts = [Allocated({}, Decimal(0), Decimal(1))]
    for name in ASSIGNABLE:
        rule = next((each for each in rules if each.speaks_of(name) and _fits(each, name, row)), None)
        if rule is None:
            divided: list[tuple[str, Decimal, Decimal]] = [(str(row.get(name) or ""), Decimal(0), Decimal(1))]
        elif name in rule.says.assign:
            divided = [(rule.says.assign[name], Decimal(0), Decimal(1))]
        else:
            divided = _bounds(rule, name)
        parts = [
            Allocated(
                {**part.values, name: value}, part.low + (part.high - part.low) * low, part.low + (part.high - part.low) * high
            )
            for part in parts
            for value, low, high in divided
        ]
    return parts


def _applied(name: str, rules: Sequence[Rule], source: str, params: dict[str, object]) -> str:
    """`source` with one dimension replaced by what the rule that counts says."""
    whens, parts = [], []
    for number, rule in enumerate(rules):
        if name in rule.says.assign:
            params[f"alloc_{name}_to_{number}"] = rule.says.assign[name]
            whens.append(f"WHEN {number} THEN $alloc_{name}_to_{number}::VARCHAR")
        elif name in rule.says.share:
            for place, (value, low, high) in enumerate(_bounds(rule, name)):
                params[f"alloc_{name}_part_{number}_{place}"] = value
                parts.append(f"({number}, $alloc_{name}_part_{number}_{place}::VARCHAR, {_fraction(low)}, {_fraction(high)})")
    value = f"CASE {name}_rule {' '.join(whens)} ELSE nullif({name}, '') END" if whens else f"nullif({name}, '')"
    if not parts:
        return f"SELECT * EXCLUDE ({name}_rule) REPLACE ({value} AS {name}) FROM ({source})"
    divided = [f"{_between(column, 'DECIMAL(18, 0)', 0)}::BIGINT AS {column}" for column in COUNTS]
    divided += [f"{_between(column, 'DECIMAL(18, 9)', 9)}::DECIMAL(18, 9) AS {column}" for column in MONEY]
    divided.append(f"{_between('audio_seconds', 'DECIMAL(18, 3)', 3)}::DECIMAL(18, 3) AS audio_seconds")
    divided.append(
        "CASE WHEN part_low IS NULL THEN latency_ms_sum ELSE latency_ms_sum * (part_high - part_low)::DOUBLE END AS latency_ms_sum"
    )
    return (
        f"SELECT * EXCLUDE ({name}_rule, part_rule, part_value, part_low, part_high)"
        f" REPLACE (coalesce(part_value, {value}) AS {name}, {', '.join(divided)}) FROM ({source})"
        f" LEFT JOIN (VALUES {', '.join(parts)}) AS parts (part_rule, part_value, part_low, part_high) ON part_rule = {name}_rule"
    )


def _between(column: str, kind: str, places: int) -> str:
    """A column's part between two shares, in SQL: the boundaries are rounded, so that the parts add up."""
    share = f"round({column}::{kind} * part_high, {places}) - round({column}::{kind} * part_low, {places})"
    return f"(CASE WHEN part_low IS NULL THEN {column} ELSE {share} END)"


def _bounds(rule: Rule, name: str) -> list[tuple[str, Decimal, Decimal]]:
    """Of a shared dimension: each value, and between which shares of the whole it lies."""
    found, low = [], Decimal(0)
    for value, part in rule.says.share[name].items():  # type: ignore[index]
        found.append((value, low, low + part))
        low += part
    return found


def _fraction(share: Decimal) -> str:
    return f"{share:.9f}::DECIMAL(10, 9)"


def _cases(dimension: str, rules: Sequence[Rule]) -> tuple[list[tuple[int, str]], dict[str, object]]:
    """The places of the rules that speak of a dimension, each with its condition, in order."""
    cases: list[tuple[int, str]] = []
    params: dict[str, object] = {}
    for number, rule in enumerate(rules):
        if rule.speaks_of(dimension):
            condition, more = _condition(rule, number)
            params |= more
            cases.append((number, condition if rule.says.override else f"{condition} AND nullif({dimension}, '') IS NULL"))
    return cases, params


def _condition(rule: Rule, number: int) -> tuple[str, dict[str, object]]:
    name = f"alloc_rule_{number}"
    params: dict[str, object] = {f"{name}_from": _quarter(rule.valid_from)}
    tests = [f"bucket >= ${name}_from::TIMESTAMPTZ"]
    if rule.valid_to is not None:
        params[f"{name}_to"] = _quarter(rule.valid_to)
        tests.append(f"bucket < ${name}_to::TIMESTAMPTZ")
    if rule.platform:
        params[f"{name}_whose"] = rule.platform
        tests.append(f"platform = ${name}_whose::VARCHAR")
    for dimension, values in rule.says.match.items():
        any_of = []
        if whole := [value for value in values if not value.endswith("*")]:
            params[f"{name}_{dimension}"] = whole
            # What usage does not say is NULL, and '' stands for it in a rule.
            any_of.append(f"list_contains(${name}_{dimension}::VARCHAR[], coalesce({dimension}, ''))")
        for place, start in enumerate(value[:-1] for value in values if value.endswith("*")):
            params[f"{name}_{dimension}_{place}"] = start
            any_of.append(
                f"(nullif({dimension}, '') IS NOT NULL AND starts_with({dimension}, ${name}_{dimension}_{place}::VARCHAR))"
            )
        tests.append(f"({' OR '.join(any_of)})")
    return " AND ".join(tests), params


def _fits(rule: Rule, dimension: str, row: Mapping[str, Any]) -> bool:
    """What `_condition` asks, of a row in Python."""
    given = {name: str(row.get(name) or "") for name in DIMENSIONS}
    if given[dimension] and not rule.says.override:
        return False
    held = _quarter(rule.valid_from) <= row["bucket"] and (rule.valid_to is None or row["bucket"] < _quarter(rule.valid_to))
    if not held or rule.platform not in ("", given["platform"]):
        return False
    return all(
        any(
            (bool(given[name]) and given[name].startswith(value[:-1])) if value.endswith("*") else given[name] == value
            for value in values
        )
        for name, values in rule.says.match.items()
    )


def _quarter(instant: datetime) -> datetime:
    """The first quarter hour that begins at or after an instant."""
    return instant + (EPOCH - instant) % QUARTER


def _uncovered(term: Term, later: Sequence[Term]) -> list[tuple[datetime, datetime | None]]:
    """The times at which a decision holds and no later one about the same does."""
    end = datetime.max.replace(tzinfo=UTC)
    spans = [(term.valid_from, term.valid_to or end)]
    for other in later:
        low, high = other.valid_from, other.valid_to or end
        cut = [piece for since, until in spans for piece in ((since, min(until, low)), (max(since, high), until))]
        spans = [(since, until) for since, until in cut if since < until]
    return [(since, None if until == end else until) for since, until in spans]


def _known(dimension: str) -> None:
    if dimension not in DIMENSIONS:
        raise InputError(f"unknown dimension {dimension[:60]!r}", "allocation", nearest(dimension, DIMENSIONS, "dimensions"))
