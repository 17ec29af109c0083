"""The Explorer's controls: group by one or two dimensions, narrow by any, compare with another period, take it away as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from dash import html

from analytics.ledger import DIMENSIONS
from analytics.ledger_cost import NOT_GIVEN
from dashboards import cost_asked
from dashboards.components.marks import link
from dashboards.cost_asked import FILTERS, by_of, compared_with, span_words, together
from dashboards.cost_tables import KINDS, WORDS, label_of
from dashboards.door.asking import may_see_users
from dashboards.filters import Filters
from dashboards.shell import menu
from roomleft.timespan import Period, Window

_MOMENT = timedelta(seconds=1)
FILES = (("csv", "CSV"), ("xlsx", "XLSX"), ("parquet", "Parquet"))


def filter_bar(filters: Filters, choices: Mapping[str, Sequence[str]], now: datetime) -> list[Any]:
    """All of it. `choices`: the values there are of each dimension; one that has a single value is not offered."""
    by = by_of(filters)
    bar: list[Any] = [_by_menu(filters, by), _then_menu(filters, by), _against_menu(filters, now)]
    offered = [*(name for name in FILTERS if name not in ("kind", "user")), "kind"]
    for name in offered:
        chosen = filters.values(name)
        values = ["ai", "infrastructure", "idle"] if name == "kind" else list(choices.get(name, ()))
        values += [value for value in chosen if value not in values]
        if len(values) > 1 or chosen:
            bar.append(_filter_menu(filters, name, chosen, values))
    if filters.values("user"):
        bar.append(_filter_menu(filters, "user", filters.values("user"), filters.values("user")))
    if any(filters.values(name) for name in FILTERS):
        bar.append(link("Clear filters", filters.href(**dict.fromkeys(FILTERS)), "button"))
    bar.append(html.Span([file_link(filters, kind, words) for kind, words in FILES], className="files"))
    return bar


def file_link(filters: Filters, kind: str, words: str) -> html.A:
    """What is on screen as a file. Not a link inside the app: the browser downloads it."""
    address = filters.href(f"/export/cost.{kind}", **cost_asked.kept(filters))
    return html.A(words, href=address, className="button", download=True, title=f"What this page shows, as {words}")


def _by_menu(filters: Filters, by: Sequence[str]) -> html.Details:
    options = [
        link(_upper(WORDS[name]), filters.href(by=name, then=by[1] if len(by) > 1 and by[1] != name and together(name, by[1]) else None),
             "menu-item", current=name == by[0])
        if name != "user" or may_see_users() else hidden_users()
        for name in DIMENSIONS
    ]  # fmt: skip
    return menu("Group by", WORDS[by[0]], options, "by")


def hidden_users() -> html.Span:
    """In place of the choice that somebody may not make."""
    return html.Span("User: needs the finance role", className="menu-item dim", **{"aria-disabled": "true"})


def _then_menu(filters: Filters, by: Sequence[str]) -> html.Details:
    second = by[1] if len(by) > 1 else ""
    options = [link("Nothing else", filters.href(then=None), "menu-item", current=not second)]
    options += [
        link(_upper(WORDS[name]), filters.href(then=name), "menu-item", current=name == second)
        if name != "user" or may_see_users()
        else hidden_users()
        for name in DIMENSIONS
        if name != by[0] and together(by[0], name)
    ]
    return menu("then by", WORDS[second] if second else "nothing", options, "then")


def _against_menu(filters: Filters, now: datetime) -> html.Details:
    asked = filters.get("against")
    _, words = compared_with(filters, now)
    before = filters.previous(now)
    options = [
        link(
            f"The period before: {span_words(before, filters, now)}", filters.href(against=None), "menu-item", current=not asked
        ),
        link("The same days a year before", filters.href(against="year"), "menu-item", current=asked == "year"),
    ]
    month = Window(Period.MONTH, filters.zone)
    at = filters.span(now)[0]
    for _ in range(3):
        first, until = month.previous(at)
        at = first
        start, end = first.astimezone(filters.zone).date(), (until - _MOMENT).astimezone(filters.zone).date()
        days = f"{start}..{end}"
        options.append(link(f"{start:%B %Y}", filters.href(against=days), "menu-item", current=asked == days))
    options.append(link("Nothing", filters.href(against="none"), "menu-item", current=asked == "none"))
    return menu("Compare with", words or "nothing", options, "against")


def _filter_menu(filters: Filters, name: str, chosen: Sequence[str], values: Sequence[str]) -> html.Details:
    options = [link("Any", filters.href(**{name: None}), "menu-item", current=not chosen)]
    options += [
        link(
            _value_words(name, value), filters.href(**{name: filters.toggled(name, value)}), "menu-item", current=value in chosen
        )
        for value in values
    ]
    shown = "any" if not chosen else _value_words(name, chosen[0]) if len(chosen) == 1 else f"{len(chosen)} of {len(values)}"
    # A class of its own: `status` and others mean something to the style sheets.
    made = menu(_upper(WORDS[name]), shown, options, f"only-{name}")
    if chosen:
        made.children[0].className = "button on"
    return made


def _value_words(name: str, value: str) -> str:
    if name == "kind":
        return KINDS.get(value, value)
    return label_of(name, None) if value == NOT_GIVEN else value


def narrowed(filters: Filters, by: Sequence[str], key: Sequence[str | None]) -> dict[str, str | None]:
    """The changes of an address that keep one group alone: each dimension at the group's value."""
    changes: dict[str, str | None] = {}
    for name, value in zip(by, key, strict=True):
        if name == "kind":
            changes[name] = "ai" if value is not None and value.startswith("ai_") else value
        else:
            changes[name] = NOT_GIVEN if value is None else value
    return changes


def _upper(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"
