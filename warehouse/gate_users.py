"""Whether the rows of a query would say who a user is. The queries of alert rules may read what users cost, but an alert is told to everybody.

A column that may name a user must keep its name through the whole query, so that it is known again at the end. Whatever would give it another
one is refused: an alias, a list of new names beside a relation or a WITH, a place in a set, a whole row taken as a value.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from warehouse.catalogue import TABLES

NAMING = frozenset({"user_id", "user", "subject", "causes"})
"""Columns of the warehouse's tables that may name a user."""
TELLING: Mapping[str, frozenset[str]] = {
    "ai_usage": frozenset({"user_id"}),
    "usage_user_1d": frozenset({"user_id"}),
    "headroom": frozenset({"subject"}),
    "anomalies": frozenset({"causes"}),
}
"""The tables that have such columns. A test compares it with the warehouse."""
COUNTING = frozenset(
    "approx_count_distinct bool_and bool_or contains count count_if count_star countif cume_dist dense_rank ends_with isnull length"
    " list_count ntile percent_rank rank rank_dense regexp_full_match regexp_matches row_number starts_with strlen".split()
)
"""Functions whose result says how many or whether, not who. A digest of a name stands for the name, and so does a sum of its letters."""
TRUTHS = frozenset({"OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "COMPARE_IN", "COMPARE_NOT_IN", "OPERATOR_NOT"})
BY_NAME = "UNION_BY_NAME"


def naming(tree: str, columns: Iterable[str]) -> str:
    """The column by which the rows would name a user, of a query's tree (JSON of `json_serialize_sql`) and the columns that it returns; empty if
    none."""
    for name in columns:
        if name.lower() in NAMING:
            return name
    read = json.loads(tree)
    return next(_Query(read).renamed(read), "")


class _Query:
    """One query: what its WITHs tell, and what somewhere in it loses its name."""

    def __init__(self, tree: Any) -> None:
        self._common: dict[str, list[Any]] = {}
        self._gather(tree)
        self._rows: frozenset[str] = frozenset(_lower(name) for name, part in _relations(tree) if self.told_by(part))
        """What a whole row that holds such a column is called: read as a value it is that row."""

    def _gather(self, part: Any) -> None:
        if isinstance(part, list):
            for each in part:
                self._gather(each)
        elif isinstance(part, dict):
            for entry in (part.get("cte_map") or {}).get("map", ()):
                self._common.setdefault(_lower(entry["key"]), []).append(_node(entry["value"].get("query")))
            for each in part.values():
                self._gather(each)

    def told_by(self, part: Any, within: frozenset[str] = frozenset()) -> frozenset[str]:
        """The columns that may name a user, of a relation or a SELECT. `within`: the WITHs it is read for, which may read themselves."""
        if isinstance(part, list):
            return frozenset().union(*(self.told_by(each, within) for each in part))
        if not isinstance(part, dict):
            return frozenset()
        kind = part.get("type")
        if kind == "BASE_TABLE":
            name = _lower(part.get("table_name"))
            if name in within:
                return frozenset()
            if name in self._common:
                return self.told_by(self._common[name], within | {name})
            return TELLING.get(name, frozenset()) if name in TABLES else NAMING
        if kind == "SUBQUERY":
            return self.told_by(_node(part.get("subquery")), within)
        if "select_list" in part:
            told = frozenset(name for name in _outputs(part) if name in NAMING)
            for item in part["select_list"]:
                if item.get("class") == "STAR":
                    told |= self.told_by(part.get("from_table"), within) - {_lower(each) for each in item.get("exclude_list", ())}
            return told
        return self.told_by([part.get("left"), part.get("right"), *part.get("children", ())], within)

    def renamed(self, part: Any) -> Iterator[str]:
        """Such columns that some SELECT, at whatever depth, returns by another name or as a part of something else."""
        if isinstance(part, list):
            for each in part:
                yield from self.renamed(each)
        elif isinstance(part, dict):
            told = self.told_by(part.get("from_table")) if "select_list" in part else frozenset()
            for item in part.get("select_list", ()):
                yield from self._within(item, _lower(item.get("alias")), told)
            yield from self._listed(part)
            if part.get("type") == "SET_OPERATION_NODE":
                yield from self._placed(part)
            # What a row of values is made of, and the arguments of a function in FROM, have no names of their own.
            yield from self._within(part.get("values") if part.get("type") == "EXPRESSION_LIST" else None, "?", NAMING)
            yield from self._within(part.get("function") if part.get("type") == "TABLE_FUNCTION" else None, "?", NAMING)
            for each in part.values():
                yield from self.renamed(each)

    def _listed(self, part: dict[str, Any]) -> Iterator[str]:
        """Columns that a list of new names calls otherwise: `FROM t AS x(a, b)`, `WITH x(a, b) AS …`."""
        names = [
            _lower(each) for each in part.get("column_name_alias") or (part.get("aliases") if "query" in part else None) or ()
        ]
        if not names:
            return
        of = _node(part["query"]) if "query" in part else _node(part.get("subquery")) or part
        told = self.told_by(of)
        outputs = _outputs(of)
        if not outputs or (told and "*" in outputs):
            yield from told
        for old, new in zip(outputs, names, strict=False):
            if old in NAMING and old != new:
                yield old

    def _placed(self, part: dict[str, Any]) -> Iterator[str]:
        """Columns of a set whose place has another name on another side: its columns are called as the first side's."""
        sides = [*_sides(part)]
        for names in zip(*map(_outputs, sides), strict=False):
            yield from (name for name in names if name in NAMING and len({*names}) > 1)
        if part.get("setop_type") != BY_NAME:
            for side in sides:
                # Which place a star gives them, only the tables know.
                yield from self.told_by(side) if "*" in _outputs(side) else ()

    def _within(self, item: Any, alias: str, told: frozenset[str]) -> Iterator[str]:
        """Such columns in what a SELECT returns as `alias` (empty: by its own name; `?`: in something else); `told`: those of what it reads."""
        if isinstance(item, list):
            for each in item:
                yield from self._within(each, "?", told)
            return
        if not isinstance(item, dict):
            return
        kind = item.get("class")
        if kind == "COLUMN_REF":
            path = [_lower(each) for each in item["column_names"]]
            whole = path[-1] in self._rows and path[:-1] in ([], ["main"])
            if whole or (path[-1] in NAMING and alias not in ("", path[-1])):
                yield path[-1]
        elif kind == "POSITIONAL_REFERENCE":
            yield from sorted(told)
        elif kind == "STAR":
            if alias:
                yield from sorted(told)
            for each in item.get("rename_list", ()):
                yield from ({_lower((each.get("key") or {}).get("column"))} & NAMING) - {_lower(each.get("value"))}
            for each in item.get("replace_list", ()):
                yield from self._within(each.get("value"), _lower(each.get("key")), told)
        elif kind == "SUBQUERY":
            # A truth, or one value without its name; the query within is looked at as one of its own too.
            if item.get("subquery_type") == "SCALAR":
                yield from sorted(self.told_by(_node(item.get("subquery"))))
        elif kind in ("COMPARISON", "BETWEEN", "CONJUNCTION") or item.get("type") in TRUTHS:
            return
        elif kind == "CASE":
            for check in item.get("case_checks", ()):
                yield from self._within(check.get("then_expr"), "?", told)
            yield from self._within(item.get("else_expr"), "?", told)
        elif kind not in ("FUNCTION", "WINDOW") or _lower(item.get("function_name")) not in COUNTING:
            # Of a window only what it returns: it may be cut by users and still say nothing of them.
            for key in ("children", "child", "default_expr", "expr", *(() if kind == "WINDOW" else ("order_bys", "orders"))):
                below = item.get(key)
                yield from self._within([below] if isinstance(below, dict) else below, "?", told)
            if "expression" in item:
                yield from self._within([item["expression"]], "?", told)


def _lower(name: Any) -> str:
    return str(name or "").lower()


def _node(query: Any) -> dict[str, Any]:
    """A query without its wrapping."""
    found: dict[str, Any] = (query.get("node") or query) if isinstance(query, dict) else {}
    return found


def _outputs(part: Any) -> list[str]:
    """What the SELECT, or the first of a set, calls its columns; `*` for those of what it reads."""
    first = next(_sides(part), {})
    return [
        "*" if item.get("class") == "STAR" else _lower(item.get("alias") or (item.get("column_names") or [""])[-1])
        for item in first.get("select_list", ())
    ]


def _sides(part: Any) -> Iterator[dict[str, Any]]:
    """Each SELECT of a set operation or of a WITH that reads itself; a SELECT alone."""
    if not isinstance(part, dict):
        return
    if "select_list" in part:
        yield part
    else:
        for side in (part.get("left"), part.get("right"), *part.get("children", ())):
            yield from _sides(side)


def _relations(part: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything that a FROM reads, with the name by which its rows may be meant."""
    if isinstance(part, list):
        for each in part:
            yield from _relations(each)
    elif isinstance(part, dict):
        if part.get("type") in ("BASE_TABLE", "SUBQUERY") and "class" not in part:
            yield str(part.get("alias") or part.get("table_name") or ""), part
        for each in part.values():
            yield from _relations(each)
