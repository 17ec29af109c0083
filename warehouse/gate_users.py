"""Whether the rows of a query would say who a user is. The queries of alert rules may read what users cost, but an alert is told to everybody."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

NAMING = frozenset({"user_id", "user", "subject", "causes"})
"""Columns of the warehouse's tables that may name a user."""
COUNTING = frozenset(
    "approx_count_distinct avg bool_and bool_or contains count count_if count_star countif cume_dist dense_rank ends_with isnull length"
    " list_count ntile percent_rank rank rank_dense regexp_full_match regexp_matches row_number starts_with strlen sum".split()
)
"""Functions whose result says how many or whether, not who. A digest of a name stands for the name."""
TRUTHS = frozenset({"OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "COMPARE_IN", "COMPARE_NOT_IN", "OPERATOR_NOT"})


def naming(tree: str, columns: Iterable[str]) -> str:
    """The column by which the rows would name a user, of a query's tree (JSON of `json_serialize_sql`) and the columns that it returns; empty if
    none. A column that may name one must keep its name within the query, so that it is known again at the end."""
    for name in columns:
        if name.lower() in NAMING:
            return name
    return next(_renamed(json.loads(tree)), "")


def _renamed(part: Any) -> Iterator[str]:
    """Such columns that some SELECT, at whatever depth, returns by another name or as a part of something else."""
    if isinstance(part, list):
        for each in part:
            yield from _renamed(each)
    elif isinstance(part, dict):
        for item in part.get("select_list", ()):
            yield from _within(item, str(item.get("alias", "")).lower())
        if part.get("type") == "SET_OPERATION_NODE":
            # Its columns have the first side's names, whatever the others call theirs.
            for names in zip(*_sides(part), strict=False):
                yield from (name for name in names if name in NAMING and len({*names}) > 1)
        for each in part.values():
            yield from _renamed(each)


def _sides(part: dict[str, Any]) -> Iterator[list[str]]:
    """What each SELECT of a set operation calls its columns."""
    if part.get("type") == "SET_OPERATION_NODE":
        for side in (part.get("left"), part.get("right"), *part.get("children", ())):
            yield from _sides(side or {})
    elif "select_list" in part:
        yield [str(item.get("column_names", [item.get("alias", "")])[-1]).lower() for item in part["select_list"]]


def _within(item: Any, alias: str) -> Iterator[str]:
    if isinstance(item, list):
        for each in item:
            yield from _within(each, "?")
        return
    if not isinstance(item, dict):
        return
    kind = item.get("class")
    if kind == "COLUMN_REF":
        own = str(item["column_names"][-1]).lower()
        if own in NAMING and alias not in ("", own):
            yield own
    elif kind in ("COMPARISON", "BETWEEN", "CONJUNCTION", "SUBQUERY") or item.get("type") in TRUTHS:
        return  # a truth; a query within is looked at as one of its own
    elif kind == "CASE":
        for check in item.get("case_checks", ()):
            yield from _within(check.get("then_expr"), "?")
        yield from _within(item.get("else_expr"), "?")
    elif kind not in ("FUNCTION", "WINDOW") or str(item.get("function_name", "")).lower() not in COUNTING:
        # Of a window only what it returns: it may be cut by users and still say nothing of them.
        for key in ("children", "child", "default_expr"):
            yield from _within(item.get(key), "?")
